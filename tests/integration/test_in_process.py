"""--accel-in-process: the benchmark runs where a debugger reaches it, and writes nothing."""

from __future__ import annotations

import os
import re
import sys

import pytest


def test_the_benchmark_runs_in_this_process_and_is_judged(project):
    project.record()
    assert project.pids != [os.getpid()]
    before = project.baseline_file.read_bytes()
    outcomes = {0.25: "passed", 0.2: "inconclusive", 0.3: "inconclusive", 0.27: "inconclusive"}
    for step_time_s, outcome in outcomes.items():
        result = project.run("--accel-in-process", step_times_s=step_time_s)
        assert result.parseoutcomes() == {outcome: 1}
        assert project.pids == [os.getpid()]
    assert project.baseline_file.read_bytes() == before


@pytest.mark.parametrize(("step_time_s", "change"), [(0.5, r"\+100\.0"), (0.2, r"-20\.0"), (0.27, r"\+8\.0")])
def test_one_run_confirms_no_change(project, step_time_s, change):
    project.record("--accel-runs=3")
    (benchmark,) = project.report("--accel-in-process", step_times_s=step_time_s)["benchmarks"]
    assert benchmark["outcome"] == "inconclusive"
    assert [one["outcome"] for one in benchmark["comparisons"]] == ["inconclusive"]
    assert re.match(
        rf"step time changed by {change}% \(95% interval [+-]\d+\.\d% to [+-]\d+\.\d%\), and one run in "
        "this process can neither confirm nor rule out a change: run without --accel-in-process",
        benchmark["reason"],
    )
    assert project.run("--accel-in-process", "--accel-strict", step_times_s=step_time_s).ret == 1
    assert project.run("--accel-in-process", step_times_s=step_time_s).ret == 0


def test_the_test_itself_works_as_in_a_child(project):
    project.benchmark("""
        import pytest

        def test_asserts(accel, step):
            result = accel.measure(step, examples_per_step=32)
            assert result.throughput == 128

        def test_fails(accel, step):
            assert accel.measure(step, examples_per_step=32).throughput > 1_000, "too slow"

        def test_raises(accel):
            def step():
                raise OSError("no disk")

            accel.measure(step, examples_per_step=32)

        def test_unmeasured(accel):
            pass

        def test_nan(accel, clock):
            def step():
                clock.now_s += 0.25
                return float("nan")

            accel.measure(step, examples_per_step=32)
            raise AssertionError("the step above means nothing")

        @pytest.mark.xfail(reason="known")
        def test_xfails(accel, step):
            accel.measure(step, examples_per_step=32)
            raise AssertionError("known")
        """)
    report = project.report("--accel-in-process")
    reasons = {
        one["nodeid"].partition("::")[2]: (one["outcome"], one["reason"]) for one in report["benchmarks"]
    }
    assert reasons["test_asserts"][0] == "no_baseline"
    assert reasons["test_fails"] == ("invalid", "the test itself failed: AssertionError: too slow")
    assert reasons["test_raises"] == ("invalid", "the test itself failed: OSError: no disk")
    assert reasons["test_unmeasured"][0] == "unmeasured"
    assert reasons["test_nan"][0] == "invalid"
    assert reasons["test_nan"][1].startswith("the loss is nan after block 1")
    assert reasons["test_xfails"] == ("skipped", "expected to fail: known")
    result = project.run("--accel-in-process", "-k", "test_asserts or test_fails or unmeasured")
    assert result.parseoutcomes() == {"failed": 2, "no_baseline": 1, "deselected": 3}


def test_nothing_is_written(project):
    before = {path.name for path in project.path.iterdir()}
    project.run("--accel-in-process", "-p", "no:cacheprovider", "-p", "no:benchmark")
    assert {path.name for path in project.path.iterdir()} - before <= {"runs.txt", "__pycache__"}


def test_a_debugger_reaches_the_step(project):
    project.benchmark("""
        def test_step(accel):
            def step():
                here = "inside the step"
                raise ValueError(here)

            accel.measure(step, examples_per_step=32)
        """)
    pytest_with_debugger = [sys.executable, "-m", "pytest", "--accel-in-process", "--pdb"]
    result = project.pytester.run(*pytest_with_debugger, stdin=b"p 'here is', here\nq\n")
    result.stdout.fnmatch_lines(["*(Pdb) ('here is', 'inside the step')"])


def test_a_unittest_benchmark_is_judged_as_well(project):
    project.benchmark("""
        import unittest

        import pytest

        class TestStep(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def given(self, accel, step):
                self.accel, self.step = accel, step

            def test_step(self):
                self.accel.measure(self.step, examples_per_step=32)
        """)
    project.record()
    result = project.run("--accel-in-process", step_times_s=0.5)
    assert result.parseoutcomes() == {"inconclusive": 1}


def test_accel_asked_for_at_run_time_fails_here_too(project):
    project.benchmark("""
        def test_ordinary(accel):
            pass

        def test_late(request):
            request.getfixturevalue("accel")
        """)
    result = project.run("--accel-in-process", "-k", "late or ordinary")
    result.stdout.fnmatch_lines(["*name it among the arguments of the test*"])
    assert result.parseoutcomes() == {"failed": 2}
