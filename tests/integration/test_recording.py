"""Accepting what was measured: --accel-update-baselines and --accel-record-missing."""

from __future__ import annotations

import pytest

from pytest_accel.baselines.store import BaselineStore

BOTH = """
    def test_old(accel, step):
        accel.measure(step, examples_per_step=32)

    def test_new(accel, step):
        accel.measure(step, examples_per_step=32)
    """


def test_an_update_prints_old_and_new_and_appends_an_entry(project):
    project.record("--accel-runs=2", step_times_s=0.25)
    result = project.run("-v", "--accel-update-baselines", step_times_s=0.3)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"recorded": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_step RECORDED*",
        "recorded * 300 ms * 250 ms * +20.0% *",
        "recorded  test_it.py::test_step: baseline recorded from 1 run "
        "(--accel-runs=3 or more makes later verdicts sharper) (step time 250 ms -> 300 ms, +20.0%)",
    ])  # fmt: skip
    anchor, current = project.baseline()["accepted"]
    assert [len(anchor["runs"]), len(current["runs"])] == [2, 1]
    assert current["summary"]["step_time_s"] == 0.3
    assert project.run(step_times_s=0.3).parseoutcomes() == {"passed": 1}


def test_raw_runs_stay_in_the_first_and_the_last_entry_and_drift_is_told(project):
    for step_time_s in (0.25, 0.26, 0.27):
        project.record(step_times_s=step_time_s)
    first, between, last = project.baseline()["accepted"]
    assert [len(entry["runs"]) for entry in (first, between, last)] == [1, 0, 1]
    assert between["summary"]["step_time_s"] == 0.26
    result = project.run(step_times_s=0.275)
    result.stdout.fnmatch_lines([
        "note  test_it.py::test_step: step time +1.9% against the last of 3 accepted baselines, "
        "+10.0% against the first"
    ])  # fmt: skip


def test_only_missing_ones_are_recorded_and_the_others_are_still_gated(project):
    project.benchmark(BOTH)
    project.record("-k", "old")
    before = project.baseline_file.read_bytes()
    undecided = project.run("--accel-record-missing", "-k", "old", step_times_s=0.27)
    assert undecided.parseoutcomes() == {"inconclusive": 1, "deselected": 1}
    assert len(project.pids) == 3
    result = project.run("-v", "--accel-record-missing", step_times_s=0.3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1, "recorded": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_old FAILED*",
        "test_it.py::test_new RECORDED*",
        "regressed: 20.0% more time per step than the baseline*",
    ])  # fmt: skip
    assert [file.name for file in project.baseline_files] == ["test_new.json", "test_old.json"]
    assert project.baseline_files[1].read_bytes() == before


def test_where_missing_ones_are_recorded_the_others_take_one_run_while_that_is_enough(project):
    project.benchmark(BOTH)
    project.record("-k", "old", "--accel-runs=3")
    result = project.run("--accel-record-missing", "--accel-runs=3")
    assert result.parseoutcomes() == {"passed": 1, "recorded": 1}
    assert len(project.pids) == 1 + 3


def test_an_update_touches_only_the_selected_benchmarks(project):
    project.benchmark(BOTH)
    project.record()
    new, old = project.baseline_files
    before = old.read_bytes()
    project.record("-k", "new", step_times_s=0.3)
    assert old.read_bytes() == before
    assert b"0.3" in new.read_bytes()


def test_other_work_starts_a_new_history_and_says_so(project):
    project.record()
    project.benchmark("def test_step(accel, step): accel.measure(step, examples_per_step=64)")
    result = project.run("--accel-update-baselines", "--accel-runs=3")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([
        "recorded  test_it.py::test_step: baseline recorded from 3 runs, in place of one for other work "
        "(examples_per_step 32 -> 64)"
    ])  # fmt: skip
    assert len(project.baseline()["accepted"]) == 1
    assert project.baseline()["workload"]["examples_per_step"] == 64


def test_a_test_that_fails_in_teardown_records_nothing(project):
    project.benchmark("""
        import pytest

        @pytest.fixture
        def disk():
            yield
            raise OSError("disk is gone")

        def test_step(accel, step, disk):
            accel.measure(step, examples_per_step=32)
        """)
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["invalid  *::test_step: the test itself failed: OSError: disk is gone"])
    assert not project.baseline_files


def test_a_baseline_recorded_with_more_time_a_run_is_cut_to_compare_fairly(project):
    """The fastest of many blocks against that of few: here the fast ones come late in a run."""
    project.benchmark("""
        def test_step(accel, clock, request):
            steps = 0

            def step():
                nonlocal steps
                steps += 1
                clock.now_s += 0.2 if steps < 60 else 0.15

            accel.measure(step, examples_per_step=32)
        """)
    project.record("--accel-budget=60")
    (recorded,) = project.baseline()["accepted"][0]["runs"]
    assert min(recorded["step_times_s"]) == pytest.approx(0.15)
    result = project.run("--accel-budget=24")
    assert result.parseoutcomes() == {"passed": 1}


def test_no_run_takes_more_than_its_share_of_the_budget(project):
    project.record("--accel-budget=120", step_times_s=1.0)
    (recorded,) = project.baseline()["accepted"][0]["runs"]
    assert len(recorded["step_times_s"]) == 40
    report = project.report("--accel-budget=120", step_times_s=1.08)
    runs = report["benchmarks"][0]["runs"]
    assert [len(run["step_times_s"]) for run in runs] == [38, 38, 38]


def test_a_baseline_of_short_runs_is_replaced_by_one_of_full_runs(project):
    """A session with more time records runs as if there had been no baseline."""
    project.record("--accel-budget=5", step_times_s=1.0)
    project.record("--accel-budget=120", step_times_s=1.0)
    short, full = (entry["runs"][0] for entry in project.baseline()["accepted"])
    assert len(short["step_times_s"]) == 5
    assert len(full["step_times_s"]) == 40


@pytest.mark.parametrize("flag", ["--accel-update-baselines", "--accel-record-missing"])
def test_a_test_that_is_expected_to_fail_records_nothing(project, flag):
    project.benchmark("""
        import pytest

        @pytest.mark.xfail(strict=True)
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    result = project.run(flag)
    assert result.parseoutcomes() == {"failed": 1}
    assert project.baseline_files == []


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("False, reason='elsewhere'", "recorded"),
        ("condition=False, reason='elsewhere'", "recorded"),
        ("False, True, reason='here'", "xpassed"),
        ("'sys.platform == \"win32\"', reason='a text'", "no_baseline"),
    ],
)
def test_a_test_that_is_expected_to_fail_elsewhere_is_recorded_here(project, condition, outcome):
    project.benchmark(f"""
        import pytest

        @pytest.mark.xfail({condition})
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    result = project.run("--accel-update-baselines", "-rA")
    assert result.parseoutcomes() == {outcome: 1}
    assert len(project.baseline_files) == (outcome == "recorded")
    said = "nothing is stored, and a test that is marked xfail records nothing" in result.stdout.str()
    assert said == (outcome != "recorded")


def test_a_baseline_that_another_session_records_meanwhile_is_compared_with(project, monkeypatch):
    accept = BaselineStore.accept

    def after_another_session(self, *arguments, **asked):
        accept(self, *arguments, **asked)
        return accept(self, *arguments, **asked)

    monkeypatch.setattr(BaselineStore, "accept", after_another_session)
    assert project.run("--accel-record-missing").parseoutcomes() == {"passed": 1}
    assert len(project.baseline()["accepted"]) == 1
