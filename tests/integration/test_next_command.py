"""The command that a session says to type next: it exists, and does what it promises."""

from __future__ import annotations

import shlex

import pytest

PARAMETRIZED = """
import pytest

@pytest.mark.parametrize("name", ["$(touch broken)", "b c"])
def test_step(accel, step, name):
    accel.measure(step, examples_per_step=16)
"""

OF_THESE_TESTS = ("-p", "no:hypothesispytest", "-W", "ignore:Module already imported so cannot be rewritten")
"""Words that every session here is called with (``tests/conftest.py``)."""


def typed(command: str) -> list[str]:
    """The words after ``pytest``, without those of these tests."""
    program, *words = shlex.split(command)
    assert program.endswith("pytest")
    return [word for word in words if word not in OF_THESE_TESTS]


def test_a_benchmark_without_baseline_says_how_to_record_it_with_the_options_of_the_session(project):
    given = ["--accel=cpu", "--accel-budget=30", "-v", "-k", "step", "--accel-identity", "my-runner"]
    assert typed(project.only_benchmark(*given)["next_command"]) == [
        "test_it.py::test_step", "--accel=cpu", "--accel-budget=30", "--accel-identity=my-runner",
        "--accel-record-missing", "--accel-runs=3",
    ]  # fmt: skip


def test_typed_as_it_is_the_command_records_and_the_next_one_compares(project):
    recorded = project.only_benchmark(*typed(project.only_benchmark()["next_command"]))
    assert recorded["outcome"] == "recorded"
    compared = project.only_benchmark(*typed(recorded["next_command"]))
    assert (compared["outcome"], compared["next_command"]) == ("passed", None)


def test_a_regression_says_how_to_accept_it(project):
    project.record()
    session = project.run(step_times_s=0.3)
    session.stdout.fnmatch_lines(["    to accept it, if it is meant to be: *pytest test_it.py::test_step *"])
    command = project.only_benchmark(step_times_s=0.3)["next_command"]
    assert project.only_benchmark(*typed(command), step_times_s=0.3)["outcome"] == "recorded"
    assert project.only_benchmark(step_times_s=0.3)["outcome"] == "passed"


def test_options_of_the_project_that_decide_what_is_measured_are_kept(project):
    (project.path / "conftest.py").open("a").write(
        "\ndef pytest_addoption(parser):\n    parser.addoption('--model-size', default='small')\n"
    )
    command = project.only_benchmark("--model-size", "large", "--junitxml=out.xml", "-x")["next_command"]
    assert typed(command) == [
        "test_it.py::test_step", "--model-size=large", "--accel-record-missing", "--accel-runs=3",
    ]  # fmt: skip


def test_ids_with_shell_syntax_are_quoted(project):
    project.benchmark(PARAMETRIZED)
    benchmarks = project.report()["benchmarks"]
    assert [typed(one["next_command"])[0] for one in benchmarks] == [
        "test_it.py::test_step[$(touch broken)]", "test_it.py::test_step[b c]",
    ]  # fmt: skip
    assert "'test_it.py::test_step[$(touch broken)]'" in benchmarks[0]["next_command"]


def test_from_another_folder_the_file_is_named_from_there(project, monkeypatch):
    below = project.path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    command = project.only_benchmark("..", f"--rootdir={project.path}")["next_command"]
    assert typed(command)[0] == "../test_it.py::test_step"


@pytest.mark.parametrize(
    ("arguments", "next_option"),
    [
        (("--accel-in-process",), None),
        ((), "--accel-runs=6"),
    ],
)
def test_an_inconclusive_step_says_what_narrows_it(project, arguments, next_option):
    project.record()
    command = project.only_benchmark(*arguments, step_times_s=0.27)["next_command"]
    assert typed(command)[1:] == ([next_option] if next_option else [])
