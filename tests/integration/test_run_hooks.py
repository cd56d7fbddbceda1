"""Hooks of a project see the test, its reports, subtests and warnings as they would without the plugin."""

from __future__ import annotations

import pytest

HOOKS = """
def pytest_configure(config):
    config.stash[CLOCK] = Clock()
    with open("where.txt", "a") as file:
        file.write(f"{getattr(config, 'accel_run', None) is not None} {'PYTEST_ACCEL_RUN' in os.environ}\\n")
"""


def test_hooks_know_that_they_are_in_a_worker_process(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(HOOKS)
    project.run()
    assert (project.path / "where.txt").read_text().splitlines() == ["False False", "True True"]


REPORTS = """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        report.remark = "made with " + item.funcargs["tmp_path"].name
        with open("reports.txt", "a") as file:
            file.write(f"{report.nodeid} {report.outcome}\\n")
    return report

def pytest_runtest_logreport(report):
    if report.when == "call":
        with open("logged.txt", "a") as file:
            file.write(f"{report.nodeid} {report.outcome} {getattr(report, 'remark', '-')}\\n")
"""


def test_hooks_that_make_reports_have_the_fixtures_of_a_benchmark(project):
    """And what they add to a report is there when the session logs it, once."""
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(REPORTS)
    project.benchmark(
        """
        def test_fails(accel, step, tmp_path):
            assert accel.measure(step, examples_per_step=1).throughput > 1e12

        def test_well(accel, step, tmp_path):
            accel.measure(step, examples_per_step=1)

        def test_plain(tmp_path):
            pass
        """
    )
    result = project.run()
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.fnmatch_lines(["E  *assert 4.0 > 1000000000000.0*"])
    assert result.parseoutcomes() == {"failed": 1, "no_baseline": 1, "passed": 1}
    expected = [
        "test_it.py::test_fails failed",
        "test_it.py::test_well passed",
        "test_it.py::test_plain passed",
    ]
    assert (project.path / "reports.txt").read_text().splitlines() == expected
    logged = (project.path / "logged.txt").read_text().splitlines()
    assert [line.split(" made")[0] for line in logged] == expected
    assert all("made with test_" in line for line in logged)


def test_a_hook_that_fails_at_a_verdict_fails_that_benchmark_only(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(REPORTS)
    project.benchmark(
        """
        def test_it(accel, step, tmp_path):
            accel.measure(step, examples_per_step=1)

        def test_plain(tmp_path):
            pass
        """
    )
    project.record()
    result = project.run(step_times_s=0.5)
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines([
        "regressed: 100.0% more time per step*",
        "*hook that failed*",
        "the hook pytest_runtest_makereport of a conftest.py failed for this benchmark, whose fixtures are "
        "in the process of its run*",
        "*KeyError: 'tmp_path'*",
    ])  # fmt: skip


def test_a_hook_that_cannot_log_a_report_fails_that_benchmark_only(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            """
def pytest_runtest_logreport(report):
    if "test_step" in report.nodeid and report.when == "call":
        raise LookupError("no database")
"""
        )
    with (project.path / "test_it.py").open("a") as test:
        test.write("\n\ndef test_plain():\n    pass\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines(["the hook pytest_runtest_logreport *", "*LookupError: no database*"])


SUBTESTS = """
import unittest
import pytest

def test_it(accel, step, subtests):
    accel.measure(step, examples_per_step=1)
    with subtests.test("speed"):
        assert {speed}
    with subtests.test("memory of the device"):
        pytest.skip("a CPU has none")

class TestUnit(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _take(self, accel, step):
        self.accel, self.step = accel, step

    def test_it(self):
        self.accel.measure(self.step, examples_per_step=1)
        with self.subTest("speed"):
            assert {speed}
        with self.subTest("memory of the device"):
            self.skipTest("a CPU has none")
"""


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought subtests")
def test_a_subtest_that_skips_hides_no_verdict(project):
    project.benchmark(SUBTESTS.format(speed=True))
    project.record()
    result = project.run("-v", step_times_s=0.5)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*SUBSKIPPED*memory of the device*", "regressed  *", "regressed  *"])
    assert len(project.baseline_files) == 2


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought subtests")
def test_a_subtest_that_fails_fails_its_benchmark_and_nothing_is_recorded(project):
    project.benchmark(SUBTESTS.format(speed=False))
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.baseline_files == []
    result.stdout.fnmatch_lines(["*contains 1 failed subtest*", "invalid *contains 1 failed subtest"])


WARNS = """
import warnings

def test_it(accel, step):
    def warn():
        warnings.warn("old_api goes away", DeprecationWarning)
        step()
    accel.measure(warn, examples_per_step=1)
"""


def test_warnings_of_runs_are_shown_once(project):
    project.benchmark(WARNS)
    result = project.run("--accel-runs=2")
    assert result.parseoutcomes() == {"no_baseline": 1, "warnings": 1}
    result.stdout.fnmatch_lines(
        ["test_it.py::test_it", "*test_it.py:5: DeprecationWarning: old_api goes away*"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_the_time_limit_of_pytest_timeout_ends_a_benchmark_in_one_sentence(project, method):
    project.pytester.makeini(f"[pytest]\ntimeout = 4\ntimeout_method = {method}\n")
    project.benchmark(
        """
        import time

        def test_it(accel):
            accel.measure(lambda: time.sleep(0.05), examples_per_step=1)

        def test_plain():
            pass
        """
    )
    result = project.run("--accel-budget=60", subprocess=True)
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines([
        "invalid: the benchmark took longer than the 4 s that pytest-timeout allows a test, and all its runs "
        "and pauses count: give it more with @pytest.mark.timeout(SECONDS), let it do less with "
        "--accel-budget=SECONDS, or let it wait less with --accel-wait=SECONDS",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*pytest_accel/*.py*")
