"""--accel-against with something that is not an environment: named in one message, before anything runs."""

from __future__ import annotations

import json
import shlex
import sys
import venv

import pytest

from pytest_accel.runs.worker_process import preflight


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A virtual environment with nothing in it."""
    folder = tmp_path_factory.mktemp("environments") / "bare"
    venv.create(folder, symlinks=True)
    return folder


REFUSED = {
    "/no/such/python": "there is no such interpreter, folder or command: name a virtual environment's folder",
    "no-such-command python": "there is no such interpreter, folder or command: name a virtual",
    "python 'unfinished": "no command that a shell could read (No closing quotation)",
    ".": "the folder has no bin/python: name a virtual environment's folder, an interpreter, or a command",
    "true": "not a Python interpreter: the process ended with exit status 0 while starting",
    "echo": "not a Python interpreter: the process ended with exit status 0 while starting",
    "sh -c yes": "not a Python interpreter: the process writes without end",
    "sh -c 'echo broken >&2; exit 3'": "not a Python interpreter: the process ended with exit status 3",
}


@pytest.mark.slow
@pytest.mark.parametrize("given", REFUSED)
def test_what_is_no_python_is_named_before_anything_runs(project, given):
    project.benchmark("def test_a(accel): open('ran', 'w')")
    result = project.run(f"--accel-against={given}", subprocess=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --accel-against={given}: {REFUSED[given]}" in result.stderr.str()
    assert not (project.path / "ran").exists()


def test_what_a_broken_interpreter_wrote_is_shown(project):
    result = project.run("--accel-against=sh -c 'echo broken >&2; exit 3'")
    assert "exit status 3 while starting\nbroken\n" in result.stderr.str()


def test_an_environment_without_pytest_is_named_with_the_way_out(project, bare):
    result = project.run(f"--accel-against={bare}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    python = bare / "bin/python"
    assert f"--accel-against={bare}: there is no pytest in it: {python} -m pip install pytest" in (
        result.stderr.str()
    )


@pytest.mark.parametrize(
    ("greeting", "fault"),
    [
        ({"python": (3, 10, 2)}, "/python is Python 3.10.2, and 3.11 or newer is needed"),
        (
            {"pytest": "8.3.5"},
            "its pytest is 8.3.5, and 8.4 or newer is needed: /python -m pip install --upgrade",
        ),
    ],
)
def test_an_environment_that_is_too_old_is_named_with_the_way_out(project, greeting, fault):
    """Only what it says of itself: no old Python is installed everywhere."""
    said = {"python": (3, 11, 0), "pytest": "8.4.0", "executable": "/python", **greeting}
    program = project.path / "python"
    program.write_text(f"#!/bin/sh\nprintf '%b\\n' '\\0pytest-accel {json.dumps(said)}'\n")
    program.chmod(0o755)
    result = project.run(f"--accel-against={program}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--accel-against={program}: {fault}" in result.stderr.str()


@pytest.mark.slow
def test_a_command_that_echoes_its_arguments_first_is_an_environment(project):
    """The first lines of a worker are among them, and so is what these begin to say."""
    project.benchmark("def test_it(accel, step):\n    accel.measure(step, examples_per_step=1)\n")
    program = project.path / "python"
    program.write_text(f'#!/bin/sh\nprintf "%b\\n" "$@"\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    assert project.run(f"--accel-against={program}").parseoutcomes() == {"passed": 1}


def test_the_time_limit_of_a_run_is_that_of_its_start_too(project):
    result = project.run("--accel-against=sh -c 'sleep 3600'", "--accel-timeout=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "it did not respond within 1 s" in result.stderr.str()


def test_an_environment_is_not_asked_for_a_list_of_tests(project):
    assert project.run("--accel-against=true", "--collect-only").ret == pytest.ExitCode.OK


def test_a_pytest_that_does_not_start_is_named_before_anything_runs(project, only_pytest, tmp_path):
    (tmp_path / "pytest.py").write_text("import no_such_module\n")
    python = shlex.quote(str(only_pytest / "bin/python"))
    result = project.run(f"--accel-against=env PYTHONPATH={tmp_path} {python}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    fault = result.stderr.str()
    assert "the process ended with exit status 1 while starting\n" in fault
    assert "No module named 'no_such_module'" in fault


def test_what_gives_no_sign_of_life_is_named(project, monkeypatch):
    monkeypatch.setattr(preflight, "MAX_START_S", 0.5)
    result = project.run("--accel-against=sh -c 'sleep 3600'")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--accel-against=sh -c 'sleep 3600': it did not respond within 0.5 s" in result.stderr.str()


def test_a_program_that_echoes_is_not_shown_our_own_program(project):
    result = project.run("--accel-against=echo hello")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "import importlib" not in result.stderr.str()
