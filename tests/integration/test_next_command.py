"""The command that a session says to type next: it exists, and does what it promises."""

from __future__ import annotations

import shlex

import pytest

from pytest_accel.cli import main

PARAMETRIZED = """
import pytest

from pytest_accel.cli import main

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
    session.stdout.fnmatch_lines(["    to accept it, if it is intended: *pytest test_it.py::test_step *"])
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


def ini(project, text: str) -> None:
    (project.path / "pytest.ini").write_text(f"[pytest]\n{text}\n")


SESSIONS = {
    "plain": ((), ""),
    "in-process": (("--accel-in-process",), ""),
    "several runs": (("--accel-runs=2",), ""),
    "several runs by addopts": ((), "addopts = --accel-runs=2"),
    "recording what is missing by addopts": ((), "addopts = --accel-record-missing"),
    "strict, with reports": (("--accel-strict", "--accel-markdown=out.md", "--junitxml=out.xml"), ""),
    "a short session": (("--accel-session-budget=500", "--maxfail=1"), ""),
    "a short session by its ini file": ((), "accel_session_budget = 500"),
}

ENDINGS = {
    "not recorded": ("", 0.25),
    "slower": ("recorded", 0.3),
    "faster": ("recorded", 0.2),
    "undecided": ("recorded", 0.27),
    "other work": ("other work", 0.25),
    "failing": ("failing", 0.25),
}


# Every ending in a plain session, and every session with two of the endings.
TOGETHER = [
    *(("plain", ending) for ending in ENDINGS),
    *(
        (session, list(ENDINGS)[(number + apart) % len(ENDINGS)])
        for number, session in enumerate(SESSIONS)
        for apart in (0, 3)
        if session != "plain"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("session", "ending"), TOGETHER)
def test_whatever_the_session_the_command_is_one_that_pytest_takes(project, session, ending):
    before, step_time_s = ENDINGS[ending]
    arguments, settings = SESSIONS[session]
    if before:
        project.record()
    if before == "other work":
        project.benchmark("def test_step(accel, step): accel.measure(step, examples_per_step=64)")
    if before == "failing":
        project.benchmark("def test_step(accel, step): assert not 'ready'")
    ini(project, settings)
    command = project.only_benchmark(*arguments, step_times_s=step_time_s)["next_command"]
    if command is None:
        assert "addopts" in settings or "in-process" in session, "there is always something to type"
        return
    result = project.run(*typed(command), step_times_s=step_time_s)
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), command
    result.stdout.no_fnmatch_line("ERROR: *")


def test_a_test_that_fails_by_itself_says_how_to_see_why(project):
    project.benchmark("def test_step(accel):\n    print('not ready')\n    assert 0")
    command = project.only_benchmark()["next_command"]
    result = project.run(*typed(command))
    result.stdout.fnmatch_lines(["*not ready*"])


def test_a_test_that_is_expected_to_fail_records_nothing_so_it_has_no_command(project):
    project.benchmark(
        "import pytest\n@pytest.mark.xfail\n"
        "def test_step(accel, step): accel.measure(step, examples_per_step=32)"
    )
    assert project.only_benchmark()["next_command"] is None


def test_what_is_skipped_or_not_measured_has_no_command(project):
    project.benchmark("import pytest\ndef test_1(accel): pass\ndef test_2(accel): pytest.skip('no')")
    benchmarks = project.report()["benchmarks"]
    assert [one["outcome"] for one in benchmarks] == ["unmeasured", "skipped"]
    assert [one["next_command"] for one in benchmarks] == [None, None]


def test_baselines_are_never_replaced_for_more_than_what_was_named(project):
    project.benchmark(PARAMETRIZED)
    project.record()
    result = project.run("-x", step_times_s=0.3)
    result.stdout.fnmatch_lines(["    to accept it, *pytest 'test_it.py::test_step[[]$(touch broken)]'*"])


def test_all_of_a_session_are_recorded_by_the_words_that_it_was_called_with(project):
    project.benchmark(PARAMETRIZED)
    result = project.run(".", "-k", "test_step", "-n0")
    result.stdout.fnmatch_lines(["    to record it: *pytest . -k test_step *-n 0 --accel-record-missing *"])
    result.stdout.no_fnmatch_line("    to record it: *--accel-runs=3 *--accel-runs=3*")


def test_options_that_undo_those_of_the_project_are_kept(project):
    ini(project, "addopts = -n 2")
    command = project.only_benchmark("-n0")["next_command"]
    assert "-n" in typed(command)


def test_a_machine_that_was_not_calibrated_says_how_to(project):
    project.record("--accel-runs=3", step_times_s="0.25 0.28 0.26")
    command = project.only_benchmark("--accel-tolerance=2%", "--accel-baselines=baselines")["next_command"]
    program, subcommand, *words = shlex.split(command)
    assert program.endswith("pytest-accel")
    assert subcommand == "calibrate"
    parsed = main.parser().parse_args([subcommand, *words])
    assert parsed.arguments[0] == "test_it.py::test_step"
    assert "--accel-tolerance=2%" in parsed.arguments


def test_the_last_line_of_a_session_names_the_reports_that_were_written(project):
    project.run("--accel-json=out/report.json", "--accel-markdown=report.md").stdout.fnmatch_lines(
        ["accel: 1 no_baseline in * s; baselines: cpu-*; details: out/report.json, report.md"]
    )
