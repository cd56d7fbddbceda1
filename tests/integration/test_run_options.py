"""The options of a session reach its runs, wherever they were given and whoever defined them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.session_process import start

OF_A_PLUGIN = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--model-size", default="small")

@pytest.fixture
def layers(request):
    return {"small": 1, "large": 8}[request.config.getoption("--model-size")]
"""


@pytest.mark.parametrize("where", ["command line", "addopts", "PYTEST_ADDOPTS"])
def test_an_option_of_a_plugin_reaches_the_run_wherever_it_was_given(project, monkeypatch, where):
    (project.path / "benchtools.py").write_text(OF_A_PLUGIN)
    project.benchmark(
        "def test_it(accel, step, layers):\n    accel.measure(step, examples_per_step=layers)\n"
    )
    words = "-p benchtools --model-size=large"
    if where == "addopts":
        project.pytester.makeini(f"[pytest]\naddopts = {words}\n")
    elif where == "PYTEST_ADDOPTS":
        monkeypatch.setenv("PYTEST_ADDOPTS", words)
    given = words.split() if where == "command line" else []
    assert project.only_benchmark(*given, subprocess=True)["workload"]["examples_per_step"] == 8


SKIPPED_UNLESS_ASKED_FOR = """
def pytest_configure(config):
    config.addinivalue_line("markers", "speed: only when asked for")
    config.stash[CLOCK] = Clock()

def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("speed") and "speed" not in config.getoption("-m"):
            item.add_marker(pytest.mark.skip(reason="ask with -m speed"))
"""


def test_marker_and_keyword_expressions_reach_the_run(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SKIPPED_UNLESS_ASKED_FOR)
    project.benchmark(
        """
        import pytest

        @pytest.mark.speed
        def test_it(accel, step, request):
            assert request.config.getoption("keyword") == "it or that"
            accel.measure(step, examples_per_step=1)
        """
    )
    assert project.run("-m", "speed", "-k", "it or that").parseoutcomes() == {"no_baseline": 1}
    assert project.run().parseoutcomes() == {"skipped": 1}


def test_a_folder_for_temporary_files_is_shared_and_nothing_in_it_is_lost(project):
    project.benchmark(
        """
        import pathlib

        def test_before(tmp_path_factory):
            (tmp_path_factory.getbasetemp() / "precious.txt").write_text("of the session")

        def test_it(accel, step, tmp_path, tmp_path_factory):
            (tmp_path / "file.txt").write_text("of the run")
            pathlib.Path("where.txt").write_text(str(tmp_path_factory.getbasetemp()))
            accel.measure(step, examples_per_step=1)

        def test_after(tmp_path_factory):
            base = tmp_path_factory.getbasetemp()
            assert (base / "precious.txt").read_text() == "of the session"
            assert list(base.glob("run-*/*/file.txt"))
        """
    )
    result = project.run("--basetemp=scratch", subprocess=True)
    assert result.parseoutcomes() == {"passed": 2, "no_baseline": 1}
    where = Path((project.path / "where.txt").read_text())
    assert where.parent == project.path / "scratch"


SEEDS = """
import random

def pytest_addoption(parser):
    parser.addoption("--randomly-seed", dest="randomly_seed", default="default")

def pytest_configure(config):
    config.stash[CLOCK] = Clock()
    if config.option.randomly_seed == "default":
        config.option.randomly_seed = random.SystemRandom().randrange(2**31)
    with open("seeds.txt", "a") as file:
        file.write(f"{config.option.randomly_seed}\\n")
"""


def test_a_seed_that_a_plugin_of_the_session_chose_reaches_the_run(project):
    """As pytest-randomly chooses it."""
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SEEDS)
    project.run()
    here, *in_runs = (project.path / "seeds.txt").read_text().split()
    assert in_runs == [here]


def test_what_is_withheld_is_named_once_with_the_results(project):
    project.benchmark(
        """
        def test_one(accel, step):
            accel.measure(step, examples_per_step=1)

        def test_two(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )
    report = project.report("--junitxml=junit.xml", "-x")
    result = project.run("--junitxml=junit.xml", "-x")
    for benchmark in report["benchmarks"]:
        assert "not given to worker processes: --junitxml=junit.xml, -x" in "\n".join(benchmark["notes"])
    assert result.stdout.str().count("not given to worker processes") == 1


def test_what_a_program_gave_to_pytest_and_cannot_be_handed_over_is_named(project):
    (project.path / "run.py").write_text(
        """
import sys
import pytest

sys.path.append("/somewhere/of/mine")

class Plugin:
    pass

sys.exit(pytest.main(sys.argv[1:], plugins=[Plugin()]))
"""
    )
    stdout = start(project, sys.executable, "run.py")
    stdout.fnmatch_lines([
        "note * not handed over to worker processes: a plugin object (Plugin)*",
        "note * not handed over to worker processes: sys.path entries that the caller of pytest added: "
        "/somewhere/of/mine*",
    ])  # fmt: skip


def test_a_folder_may_begin_with_an_at_sign(project):
    folder = project.path / "@scope" / "bench"
    folder.mkdir(parents=True)
    shutil.move(project.path / "test_it.py", folder / "test_it.py")
    assert project.run().parseoutcomes() == {"no_baseline": 1}
