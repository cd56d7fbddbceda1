"""What a run imports is what the session imports: the path, and the options of Python."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.session_process import start

SCRIPT = Path(sys.executable).with_name("pytest")

WHERE = """
import pathlib, sys
import mymodel

def note(who):
    with open("seen.txt", "a") as file:
        file.write(f"{who}: {mymodel.WHICH} {sys.path[0]}\\n")

def test_plain():
    note("plain")

def test_speed(accel, step):
    note("benchmark")
    accel.measure(step, examples_per_step=1)
"""


def seen(project):
    lines = (project.path / "seen.txt").read_text().splitlines()
    (project.path / "seen.txt").unlink()
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}


@pytest.fixture
def shadowed(project, monkeypatch):
    """A project whose working copy of a package hides the installed one where the folder is on the path."""
    (project.path / "test_it.py").unlink()
    tests = project.path / "bench"
    tests.mkdir()
    shutil.move(project.path / "conftest.py", tests / "conftest.py")
    (tests / "test_it.py").write_text(WHERE)
    for folder, which in ((project.path, "working-copy"), (project.path / "site", "installed")):
        (folder / "mymodel").mkdir(parents=True)
        (folder / "mymodel" / "__init__.py").write_text(f"WHICH = {which!r}\n")
    monkeypatch.setenv("PYTHONPATH", str(project.path / "site"))
    return project


@pytest.mark.parametrize(
    ("command", "which"),
    [
        ([SCRIPT], "installed"),
        ([sys.executable, "-m", "pytest"], "working-copy"),
        ([sys.executable, "-P", "-m", "pytest"], "installed"),
    ],
    ids=["script", "module", "safe path"],
)
def test_a_benchmark_imports_what_plain_tests_import(shadowed, command, which):
    start(shadowed, *command, where="bench")
    found = seen(shadowed)
    assert found["benchmark"] == found["plain"]
    assert found["benchmark"].startswith(which)


def test_a_script_that_calls_pytest_lends_runs_its_folder(shadowed):
    tools = shadowed.path / "tools"
    tools.mkdir()
    (tools / "run.py").write_text("import sys, pytest\nsys.exit(pytest.main())\n")
    shutil.copytree(shadowed.path / "mymodel", tools / "mymodel")
    (tools / "mymodel" / "__init__.py").write_text("WHICH = 'of-the-tools'\n")
    start(shadowed, sys.executable, "tools/run.py", where="bench")
    found = seen(shadowed)
    assert found["benchmark"] == found["plain"]
    assert found["benchmark"].startswith("of-the-tools")


def test_a_file_called_like_a_module_of_the_standard_library_is_no_obstacle(shadowed):
    for name in ("json", "importlib", "tempfile", "ctypes", "sysconfig"):
        (shadowed.path / f"{name}.py").write_text("raise ImportError('not this one')\n")
    start(shadowed, SCRIPT, where="bench")
    assert seen(shadowed)["benchmark"].startswith("installed")


def test_options_of_python_reach_the_run(project):
    project.benchmark(
        """
        import sys

        def test_it(accel, step):
            assert sys.flags.dev_mode
            if sys.flags.optimize != 1 or "utf8" not in sys._xoptions:
                raise LookupError(sys.flags)
            accel.measure(step, examples_per_step=1)
        """
    )
    stdout = start(project, sys.executable, "-O", "-X", "dev", "-X", "utf8", "-m", "pytest")
    stdout.fnmatch_lines(["no_baseline *"])
