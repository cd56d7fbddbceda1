"""Runs of which other programs left only some blocks."""

from __future__ import annotations

import pytest

from pytest_accel.records import (
    Conditions,
    Curve,
    Epoch,
    Outcome,
    Run,
    Steps,
    Workload,
)

MAKE = Conditions(other_programs=("make (pid 7)",))


def run(clean, disturbed=0, *, time_s=0.25, disturbed_time_s=0.4):
    """A run of these clean blocks, after these disturbed ones."""
    times_s = (disturbed_time_s,) * disturbed + (time_s,) * clean
    shares = (0.9,) * disturbed + (0.0,) * clean
    steps = Steps(
        times_s, 1, 1.0, 1.0, 1.0, 1.0, 4, others_share=shares, conditions=MAKE if disturbed else Conditions()
    )
    return Run(Workload("measure", "python", 32), steps, {})


@pytest.fixture
def recorded(session):
    """A baseline of three quiet runs of 48 blocks, as many as the budget allows."""
    result = session(*[run(48)] * 3, update_baselines=True)
    assert result.verdict.outcome is Outcome.RECORDED


@pytest.mark.usefixtures("recorded")
class TestComparing:
    def test_one_that_was_disturbed_in_most_of_its_blocks_leaves_the_others_their_length(self, session):
        """Six blocks would say little, and would be all that the other runs are compared by."""
        result = session(run(6, 60, time_s=0.31), *[run(48)] * 2, runs=1)
        assert result.verdict.outcome is Outcome.PASSED

    def test_a_slowdown_is_found_by_the_others(self, session):
        slow = run(48, time_s=0.35)
        result = session(run(6, 60, time_s=0.35), *[slow] * 4, runs=1)
        assert result.verdict.outcome is Outcome.REGRESSED

    def test_alone_it_shows_no_change_and_the_advice_is_a_quiet_machine(self, session):
        result = session(*[run(6, 60, time_s=0.35)] * 3, runs=1)
        assert result.verdict.outcome is Outcome.INCONCLUSIVE
        assert "other programs used the CPU during 144 of 144 blocks" in result.verdict.reason
        assert "(make (pid 7))" in result.verdict.reason
        assert result.verdict.next_step.options == ("--accel-wait=600",)

    def test_one_with_enough_clean_blocks_decides(self, session):
        assert session(run(40, 60), runs=1).verdict.outcome is Outcome.PASSED


class TestRecording:
    @pytest.mark.parametrize("clean", [0, 4, 6, 39])
    def test_one_that_waited_in_vain_is_not_recorded(self, session, clean):
        result = session(run(48), run(48), *[run(clean, 200)] * 3, update_baselines=True)
        assert result.verdict.outcome is Outcome.INVALID
        assert "(make (pid 7)): not recorded as a baseline" in result.verdict.reason

    def test_slow_steps_are_few_blocks_and_as_many_as_the_budget_allows_are_enough(self, session):
        slow = run(6, 20, time_s=2.0, disturbed_time_s=3.0)  # 12 s for each of three runs and two more
        assert session(*[slow] * 3, update_baselines=True).verdict.outcome is Outcome.RECORDED

    def test_on_request_it_is_recorded(self, session):
        result = session(*[run(6, 200)] * 3, update_baselines=True, wait=0.0)
        assert result.verdict.outcome is Outcome.RECORDED


def training(seed, *others_share, epoch_time_s=9.0, final_top1=0.95):
    epochs = tuple(Epoch(0.5, top1, top1, epoch_time_s, 1.0) for top1 in (0.3, 0.9, final_top1))
    curve = Curve(
        seed, epochs, 1408, 360, 1.0, 1.0, 1.0, conditions=MAKE if others_share else Conditions(),
        others_share=others_share,
    )  # fmt: skip
    return Run(Workload("digits", "jax", 64, {"epochs": 3, "target": 0.9}), curve, {})


class TestTraining:
    def test_one_that_was_disturbed_in_every_epoch_is_not_recorded(self, session):
        seeds = [training(0, 0.5, 0.6, 0.5), *map(training, range(1, 5))]
        result = session(*seeds, runs=5, update_baselines=True)
        assert result.verdict.outcome is Outcome.INVALID
        assert "during every epoch (make (pid 7)), so the time is not that of" in result.verdict.reason
        assert session(*seeds, runs=5, update_baselines=True, wait=0.0).verdict.outcome is Outcome.RECORDED

    def test_one_quiet_epoch_tells_the_time(self, session):
        seeds = [training(0, 0.5, 0.6, 0.01), *map(training, range(1, 5))]
        assert session(*seeds, runs=5, update_baselines=True).verdict.outcome is Outcome.RECORDED

    def test_in_this_process_no_number_shows_a_change(self, session):
        session(*map(training, range(5)), runs=5, update_baselines=True)
        worse = training(5, final_top1=0.5)
        assert session(worse, runs=1).verdict.outcome is Outcome.REGRESSED
        here = session(worse, runs=1, in_process=True).verdict
        assert here.outcome is Outcome.INCONCLUSIVE
        assert here.reason.endswith("does not confirm that: run without --accel-in-process")

    def test_the_more_benchmarks_a_session_has_the_surer_is_a_change(self, session):
        session(*map(training, range(5)), runs=5, update_baselines=True)
        worse = training(5, final_top1=0.85)
        assert session(worse, runs=1).verdict.outcome is Outcome.REGRESSED
        assert session(worse, runs=1, benchmarks=100).verdict.outcome is Outcome.PASSED
