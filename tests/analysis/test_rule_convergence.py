"""The verdict on curves: what it says, and how often it is wrong on published epochs to converge."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.metrics import convergence
from pytest_accel.analysis.rules.convergence import TimeTolerance, judge
from pytest_accel.records import Conditions, Curve, Epoch, Outcome

TARGET = 0.759
MLPERF = (34, 34, 34, 35, 35, 37, 35, 35, 33, 35, 35, 37, 37, 35, 35, 34, 35)
"""Epochs to converge of ResNet-50 at batch 1632: MLPerf Training, reference convergence points."""

FEW = settings(max_examples=50, deadline=None)


def curve(epochs_to_target: int, *, best: float = 0.765, final: float | None = None, seed: int = 0) -> Curve:
    """Top-1 creeps up to just below the target, passes it in this epoch, and ends after two more."""
    below = [TARGET * (1 - 0.5 ** (number + 1)) for number in range(epochs_to_target - 1)]
    top1 = [*below, TARGET, best, best if final is None else final]
    epochs = tuple(Epoch(1.0, share, 0.9, 10.0, 1.0) for share in top1)
    return Curve(seed, epochs, 1_281_167, 50_000, 1.0, 1.0, 1.0)


def never(seed: int = 3) -> Curve:
    return Curve(seed, (Epoch(1.0, 0.5, 0.9, 10.0, 1.0), Epoch(1.0, 0.4, 0.9, 10.0, 1.0)), 1000, 500, 1, 1, 1)


BASELINE = [curve(epochs) for epochs in (6, 7, 6, 6, 7)]


def test_one_seed_passes_where_the_seeds_of_the_baseline_lie():
    verdict = judge([curve(7)], BASELINE, TARGET)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.reason.startswith("one seed lies where the baseline's seeds do: epochs to target is 7.0")
    assert (
        "the smallest losses that 1 seed against 5 could have shown: epochs to target 3.1" in verdict.reason
    )


@pytest.mark.parametrize(("seeds", "outcome"), [(3, Outcome.INCONCLUSIVE), (4, Outcome.PASSED)])
def test_one_seed_passes_by_no_baseline_of_which_nearly_any_loss_may_be_chance(seeds, outcome):
    verdict = judge([curve(7)], BASELINE[:seeds], TARGET)
    assert verdict.outcome is outcome
    if outcome is Outcome.INCONCLUSIVE:
        assert verdict.reason.startswith(
            "epochs to target is 7.0, and was 6.3, but 3 seeds of the baseline cannot"
        )
        assert verdict.next_step.options == ("--accel-update-baselines", "--accel-runs=5")


def test_the_numbers_that_are_compared_share_the_error_and_so_do_benchmarks():
    """One of several that looks worse by chance is the more likely, the more there are."""
    worse = [curve(9)]
    assert judge(worse, BASELINE, TARGET, change_confidence=0.97).outcome is Outcome.REGRESSED
    assert judge(worse, BASELINE, TARGET).outcome is Outcome.PASSED
    assert judge(worse, BASELINE, TARGET, change_confidence=0.9999).outcome is Outcome.PASSED
    assert judge([curve(12)], BASELINE, TARGET).outcome is Outcome.REGRESSED


PACE = TimeTolerance(0.1, 0.02, min_seeds=3)
BUSY = Conditions(other_programs=("make (pid 7)",))


def at_pace(factor: float, *others_share: float) -> Curve:
    """An epoch takes ``factor`` times as long as in BASELINE."""
    unchanged = curve(6)
    epochs = tuple(
        dataclasses.replace(epoch, training_time_s=factor * epoch.training_time_s)
        for epoch in unchanged.epochs
    )
    conditions = BUSY if any(others_share) else Conditions()
    return dataclasses.replace(unchanged, epochs=epochs, others_share=others_share, conditions=conditions)


class TestTime:
    def test_one_slow_training_shows_no_change_and_more_do(self):
        """Where another guest of the machine may have slowed it."""
        one = judge([at_pace(2.0)], BASELINE, TARGET, PACE)
        assert one.outcome is Outcome.INCONCLUSIVE
        assert "time to target is 120 s, and was 64 s, but the machine may have been slow" in one.reason
        assert one.next_step.options == ("--accel-runs=3",)
        assert judge([at_pace(2.0)] * 3, BASELINE, TARGET, PACE).outcome is Outcome.REGRESSED

    def test_one_fast_training_is_no_slowdown(self):
        verdict = judge([at_pace(0.5)], BASELINE, TARGET, PACE)
        assert verdict.outcome is Outcome.PASSED
        assert judge([at_pace(0.5)] * 3, BASELINE, TARGET, PACE).outcome is Outcome.IMPROVED

    def test_fewer_are_enough_where_the_device_is_its_own(self):
        alone = TimeTolerance(0.1, 0.02)
        assert judge([at_pace(2.0)], BASELINE, TARGET, alone).outcome is Outcome.REGRESSED

    def test_what_others_slowed_in_every_epoch_shows_no_change(self):
        busy = [at_pace(2.0, *[0.5] * 8)] * 3
        verdict = judge(busy, BASELINE, TARGET, PACE)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "other programs used the CPU during every epoch (make (pid 7))" in verdict.reason

    def test_an_epoch_that_nobody_slowed_is_enough(self):
        mostly_busy = [at_pace(2.0, *[0.5] * 7, 0.01)] * 3
        assert judge(mostly_busy, BASELINE, TARGET, PACE).outcome is Outcome.REGRESSED

    def test_a_baseline_that_others_slowed_shows_no_change(self):
        slow = [at_pace(2.0, *[0.5] * 8)] * 5
        verdict = judge([curve(6)] * 3, slow, TARGET, PACE)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "when the baseline was recorded, other programs used the CPU" in verdict.reason
        assert "--accel-update-baselines" in verdict.next_step.options

    def test_it_passes_as_before_beside_other_programs(self):
        assert judge([at_pace(1.0, *[0.5] * 8)], BASELINE, TARGET, PACE).outcome is Outcome.PASSED

    def test_learning_less_regresses_whatever_others_do(self):
        busy = dataclasses.replace(curve(12), others_share=(0.5,) * 14, conditions=BUSY)
        assert judge([busy], BASELINE, TARGET, PACE).outcome is Outcome.REGRESSED


def test_several_seeds_must_rule_a_loss_out():
    assert judge([curve(6)] * 5, BASELINE, TARGET).outcome is Outcome.PASSED
    undecided = judge([curve(7)] * 3, BASELINE, TARGET)
    assert undecided.outcome is Outcome.INCONCLUSIVE
    assert "3 seeds can neither show nor rule out a loss of epochs to target beyond the margin of 1.0" in (
        undecided.reason
    )
    assert "more seeds narrow it (--accel-runs=6)" in undecided.reason


def test_slower_training_is_a_regression_that_says_by_how_much():
    verdict = judge([curve(12)], BASELINE, TARGET)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason.startswith(
        "epochs to target is 12.0, worse than the baseline's 6.4 by more than its seeds differ by; the "
    )


def test_faster_training_is_an_improvement():
    baseline = [curve(epochs) for epochs in (20, 21, 20, 20, 21)]
    verdict = judge([curve(9)], baseline, TARGET)
    assert verdict.outcome is Outcome.IMPROVED
    assert verdict.reason.startswith("epochs to target is 9.0, better than the baseline's 20.4")
    assert "--accel-update-baselines" in verdict.reason


def test_training_that_falls_apart_after_the_target_is_a_regression():
    verdict = judge([curve(6, final=0.6)], BASELINE, TARGET)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason.startswith("final top-1 is 60.0%, worse than the baseline's 76.5%")


def test_a_seed_that_never_gets_there_is_a_reason_of_its_own():
    verdict = judge([curve(6), never(seed=3)], BASELINE, TARGET)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason == (
        "seed 3 does not reach 75.9% top-1 within 2 epochs (its best is 50.0% after epoch 1) (1 of 2 seeds "
        "do not)"
    )


def test_a_difference_that_the_evaluation_set_cannot_resolve_is_none():
    """360 images: one more or less is 0.3 points, and the binomial error is 1.1 points at 95%."""
    small = [dataclasses.replace(one, evaluation_examples=360) for one in BASELINE]
    slightly = dataclasses.replace(curve(6, best=0.759), evaluation_examples=360)
    assert judge([slightly], small, TARGET).outcome is Outcome.PASSED


@FEW
@given(now=st.lists(st.integers(4, 12), min_size=1, max_size=6), more=st.integers(0, 6))
def test_slower_training_is_never_judged_better(now, more):
    order = [Outcome.IMPROVED, Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.REGRESSED]
    before = judge([curve(epochs) for epochs in now], BASELINE, TARGET).outcome
    after = judge([curve(epochs + more) for epochs in now], BASELINE, TARGET).outcome
    assert order.index(after) >= order.index(before)


@FEW
@given(now=st.lists(st.integers(4, 12), min_size=1, max_size=6))
def test_the_numbers_shown_are_those_that_decide(now):
    verdict = judge([curve(epochs) for epochs in now], BASELINE, TARGET)
    for comparison in verdict.comparisons:
        low, high = comparison.interval
        assert low <= comparison.change <= high
    assert verdict.outcome is max(
        (comparison.outcome for comparison in verdict.comparisons), key=lambda outcome: outcome.severity
    )


@pytest.mark.parametrize(
    ("now", "reference"), [([], BASELINE), ([curve(6)], BASELINE[:1]), ([curve(6)], [curve(6), never()])]
)
def test_what_cannot_be_compared_is_an_error(now, reference):
    with pytest.raises(ValueError, match="baseline"):
        judge(now, reference, TARGET)


def draws(count: int, *, more: int = 0) -> list[list[Curve]]:
    """Runs drawn from the published list, the rest of which is the baseline."""
    rng = random.Random(count)
    return [[curve(epochs + more) for epochs in rng.sample(MLPERF, count)] for _ in range(300)]


REFERENCE = [curve(epochs) for epochs in MLPERF]


def share(outcome: Outcome, drawn: list[list[Curve]]) -> float:
    return sum(judge(now, REFERENCE, TARGET).outcome is outcome for now in drawn) / len(drawn)


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_published_runs_pass_and_three_epochs_more_fail(count):
    assert share(Outcome.PASSED, draws(count)) >= 0.95
    assert share(Outcome.REGRESSED, draws(count)) <= 0.01
    assert share(Outcome.REGRESSED, draws(count, more=3)) >= 0.95
    assert share(Outcome.PASSED, draws(count, more=3)) <= 0.01


def test_metrics_of_a_curve():
    numbers = convergence.summary([curve(6, final=0.7), curve(8)], TARGET)
    assert numbers["epochs_to_target"] == 7
    assert numbers["examples_to_target"] == 7 * 1_281_167
    assert numbers["time_to_target_s"] == 70
    assert numbers["best_top1"] == 0.765
    assert numbers["final_top1"] == pytest.approx((0.7 + 0.765) / 2)
    assert numbers["throughput"] == pytest.approx(1_281_167 / 10)


def test_what_no_seed_or_not_every_seed_reached_has_no_time():
    assert convergence.summary([], TARGET) == {}
    assert "time_to_target_s" not in convergence.summary([curve(6), never()], TARGET)
    assert math.isfinite(convergence.summary([never()], TARGET)["best_top1"])
