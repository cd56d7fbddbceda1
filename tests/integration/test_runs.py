"""--accel-runs, --accel-budget and --accel-timeout: how many fresh processes, and how long."""

from __future__ import annotations

import os

import pytest


def test_every_run_is_a_fresh_process_of_its_own(project):
    report = project.report("--accel-runs=3", step_times_s="0.25 0.26 0.24")
    assert len({os.getpid(), *project.pids}) == 4
    runs = report["benchmarks"][0]["runs"]
    assert [run["step_times_s"][0] for run in runs] == pytest.approx([0.25, 0.26, 0.24])


def test_further_runs_come_only_while_undecided_and_at_most_two(project):
    project.record()
    assert len(project.pids) == 1
    project.run(step_times_s=0.25)
    assert len(project.pids) == 1
    project.run(step_times_s=0.27)
    assert len(project.pids) == 3
    project.run("--accel-runs=2", step_times_s=0.262)
    assert len(project.pids) == 4


def test_a_further_run_may_decide(project):
    project.record("--accel-runs=3")
    result = project.run(step_times_s="0.262 0.256")
    assert result.parseoutcomes() == {"passed": 1}
    assert len(project.pids) == 2


def test_the_budget_ends_the_sampling(project):
    """At 0.27 s a block, the least of five blocks takes more than a third of a budget of 1 s."""
    project.record()
    result = project.run("--accel-budget=1", step_times_s=0.27)
    assert result.parseoutcomes() == {"inconclusive": 1}
    assert len(project.pids) == 1


def test_what_does_not_fit_into_the_budget_of_the_session_is_inconclusive(project):
    project.record()
    result = project.run("--accel-session-budget=0.000001", "--accel-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.pids == []
    result.stdout.fnmatch_lines(
        ["inconclusive*: not measured: the session has used its 1e-06 s (--accel-session-budget)"]
    )


def test_the_budget_of_the_marker_wins(project):
    project.benchmark("""
        import pytest

        @pytest.mark.accel(budget=9)
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    (run,) = project.report("--accel-budget=600")["benchmarks"][0]["runs"]
    assert len(run["step_times_s"]) == 12


@pytest.mark.parametrize("arguments", [["--accel-timeout=1.5"], ["-o", "accel_timeout=1.5"]])
def test_a_run_that_outlasts_its_timeout_is_invalid(project, arguments):
    project.benchmark("""
        import time

        def test_step(accel):
            accel.measure(lambda: time.sleep(60), examples_per_step=32)
        """)
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["invalid: the run did not end within 1.5 s (--accel-timeout): it was still*"]
    )


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ("--accel-runs=0", "'0' is not a whole number from 1 to 999999999"),
        ("--accel-runs=many", "'many' is not a whole number from 1 to 999999999"),
        ("--accel-budget=0", "'0' is not a time: give seconds above 0, such as 60"),
        ("--accel-timeout=soon", "'soon' is not a time: give seconds above 0, such as 60"),
        ("--accel-timeout=inf", "'inf' is not a time: give seconds above 0, such as 60"),
    ],
)
def test_what_is_no_number_is_a_usage_error(project, option, fault):
    result = project.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*error: argument {option.partition('=')[0]}: {fault}"])
    assert project.pids == []
