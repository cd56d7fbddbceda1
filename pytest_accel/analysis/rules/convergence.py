"""Does training still reach the same accuracy, as quickly? Pure; docs/convergence.md explains the rule and
what it sees.

The unit is the run, which is one seed. Epochs to the target, the best and the last top-1 and, on the same
hardware, the time to the target are compared one by one, and the worst outcome counts. The model is MLPerf's
check of reference convergence points (mlcommons/logging, rcp_checker), a one-sided t-test on epochs to
converge, with its direction reversed: it rejects submissions that converge too fast.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_accel.analysis import formatting
from pytest_accel.analysis.metrics.convergence import (
    best_top1,
    epochs_to_target,
    final_top1,
    time_to_target_s,
)
from pytest_accel.analysis.rules import next_steps
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, CHANGED, PASS_CONFIDENCE
from pytest_accel.analysis.rules.disturbance import description_of_training, is_training_disturbed
from pytest_accel.analysis.stats import one_sided_quantile, two_sided_quantile
from pytest_accel.records import Comparison, Curve, NextStep, Outcome, Verdict

EPOCHS_MARGIN = 0.09
"""Several seeds pass if they rule out that training takes so much longer, relative to the baseline.

It is what three seeds can show of ResNet-50 on ImageNet, whose seeds scatter by 3% in MLPerf's reference
runs.
"""

TOP1_MARGIN = 0.01
"""The same for the loss of a point of top-1."""

MIN_SEEDS = 4
"""Seeds of a baseline by which a single one may pass: of fewer, nearly any loss may be chance."""


@dataclass(frozen=True)
class TimeTolerance:
    """How times compare: ``tolerance`` does not matter, ``sd`` is the least that runs differ by, relative.

    Fewer than ``min_seeds`` show no change: one training may have been slowed by what nothing here sees.
    """

    tolerance: float
    sd: float
    min_seeds: int = 1


@dataclass(frozen=True)
class GatedMetric:
    """One number of a curve that is gated: how to take it, which direction is good.

    Given its mean in the baseline and the size of the evaluation set, in its own unit: a loss up to ``floor``
    does not matter, several seeds must rule out one beyond ``margin``, and ``resolution`` is the standard
    deviation that the number has at the least.
    """

    metric: str
    of: Callable[[Curve], float]
    lower_is_better: bool
    floor: Callable[[float, int], float]
    margin: Callable[[float, int], float]
    resolution: Callable[[float, int], float]


def aspects(target: float, pace: TimeTolerance | None, epochs: float) -> tuple[GatedMetric, ...]:
    """What is gated of training to ``target``, of curves that all got there; the time comes first.

    ``epochs`` is what it takes in the baseline. Without ``pace`` no time is gated: the baseline is of other
    hardware.
    """
    timed = () if pace is None else (_timed(target, pace, epochs),)
    return (
        *timed,
        GatedMetric(
            "epochs_to_target",
            lambda curve: float(epochs_to_target(curve, target) or math.inf),
            lower_is_better=True,
            floor=lambda _mean, _examples: 1.0,
            margin=lambda mean, _examples: EPOCHS_MARGIN * mean,
            resolution=lambda _mean, _examples: 1 / math.sqrt(12),  # a whole number, rounded up
        ),
        GatedMetric(
            "best_top1", best_top1, False, _binomial_sd, lambda _mean, _examples: TOP1_MARGIN, _binomial_sd
        ),
        GatedMetric(
            "final_top1", final_top1, False, _binomial_sd, lambda _mean, _examples: TOP1_MARGIN, _binomial_sd
        ),
    )


def _timed(target: float, pace: TimeTolerance, epochs: float) -> GatedMetric:
    """Time to target, which may be longer by one epoch and by the tolerance of an epoch's time."""
    resolution = math.hypot(1 / math.sqrt(12) / epochs, pace.sd)
    return GatedMetric(
        "time_to_target_s",
        lambda curve: time_to_target_s(curve, target) or math.inf,
        lower_is_better=True,
        floor=lambda mean, _examples: (1 / epochs + pace.tolerance) * mean,
        margin=lambda mean, _examples: (EPOCHS_MARGIN + pace.tolerance) * mean,
        resolution=lambda mean, _examples: resolution * mean,
    )


def judge(
    now: Sequence[Curve],
    reference: Sequence[Curve],
    target: float,
    pace: TimeTolerance | None = None,
    *,
    change_confidence: float = CHANGE_CONFIDENCE,
) -> Verdict:
    """Judge these seeds against those of the baseline; times too, where ``pace`` is given.

    One seed passes inside the prediction interval of the baseline's seeds, if these are MIN_SEEDS or more;
    several must rule out a loss beyond the margin. ``change_confidence`` is that of a change in any of the
    numbers that are compared, which share it. Raises ValueError without a curve now, with fewer than two in
    the baseline, and for one there that does not reach the target.
    """
    if not now or len(reference) < 2:
        raise ValueError("a comparison needs a curve now and at least two in the baseline")
    if any(epochs_to_target(curve, target) is None for curve in reference):
        raise ValueError("every curve of a baseline reaches the target")
    fault = failure(now, target)
    if fault is not None:
        return Verdict(Outcome.REGRESSED, fault)
    epochs = statistics.fmean(epochs_to_target(curve, target) or math.inf for curve in reference)
    gated = aspects(target, pace, epochs)
    confidence = 1 - (1 - change_confidence) / len(gated)
    judged = [_judged(aspect, now, reference, confidence) for aspect in gated]
    doubt = None
    if pace is not None and judged[0].comparison.outcome in CHANGED:
        doubt = _doubt_about_time(now, reference, pace)
    if doubt is not None:
        judged[0] = _without_change(judged[0], doubt)
    worst = max(judged, key=lambda one: one.comparison.outcome.severity)
    outcome, comparisons = worst.comparison.outcome, tuple(one.comparison for one in judged)
    finding, next_step = _finding(worst, len(now)), None
    if outcome is Outcome.INCONCLUSIVE:
        next_step = next_steps.more_runs(2 * len(now))
        if doubt is not None and worst is judged[0]:
            finding, next_step = f"{_sizes(worst.comparison)}, but {doubt.reason}", doubt.next_step
        elif len(now) == 1:
            finding = (
                f"{_sizes(worst.comparison)}, but {len(reference)} seeds of the baseline cannot tell how "
                "much seeds differ"
            )
            next_step = next_steps.record_more_seeds(next_steps.ADVISED_SEEDS)
    reason = f"{finding}; {_visible(judged, len(now), len(reference))}"
    return Verdict(outcome, reason, comparisons, next_step=next_step)


@dataclass(frozen=True)
class _Doubt:
    """Why times show no change, and what to do about it. ``of_now``: since they may be too long now."""

    reason: str
    next_step: NextStep
    of_now: bool = True


def _doubt_about_time(now: Sequence[Curve], reference: Sequence[Curve], pace: TimeTolerance) -> _Doubt | None:
    if any(map(is_training_disturbed, now)):
        return _Doubt(
            f"{description_of_training(now)}, so that is not a change of the program: stop them, use a "
            "quieter machine, or compare side by side with --accel-against",
            next_steps.AGAIN,
        )
    if any(map(is_training_disturbed, reference)):
        return _Doubt(
            f"when the baseline was recorded, {description_of_training(reference)}: record it again on a "
            "quiet machine",
            next_steps.record_more_seeds(max(next_steps.ADVISED_SEEDS, len(reference))),
            of_now=False,
        )
    if len(now) < pace.min_seeds:
        return _Doubt(
            f"the machine may have been slow: compare {pace.min_seeds} seeds (--accel-runs={pace.min_seeds})",
            next_steps.more_runs(pace.min_seeds),
        )
    return None


def _without_change(judged: _Judged, doubt: _Doubt) -> _Judged:
    """A time that is shorter although it may be too long is not a slowdown, so it passes."""
    is_no_worse = doubt.of_now and judged.comparison.outcome is Outcome.IMPROVED
    outcome = Outcome.PASSED if is_no_worse else Outcome.INCONCLUSIVE
    return dataclasses.replace(judged, comparison=dataclasses.replace(judged.comparison, outcome=outcome))


def failure(now: Sequence[Curve], target: float) -> str | None:
    """What is wrong with these seeds whatever the baseline: a layer that does not train, a target missed."""
    untrained = next((curve for curve in now if curve.frozen_variables), None)
    if untrained is not None:
        return _frozen(untrained)
    without = [curve for curve in now if epochs_to_target(curve, target) is None]
    if not without:
        return None
    others = f" ({len(without)} of {len(now)} seeds do not)" if len(now) > 1 else ""
    return missed(without[0], target) + others


@dataclass(frozen=True)
class _Judged:
    """``smallest_visible``: the smallest loss that this number of seeds could show; ``margin``: what is
    tolerated."""

    comparison: Comparison
    smallest_visible: float
    margin: float


def _judged(
    aspect: GatedMetric, now: Sequence[Curve], reference: Sequence[Curve], change_confidence: float
) -> _Judged:
    """One aspect. The scatter is the baseline's: that of a broken program would hide what is broken."""
    ours, theirs = [aspect.of(curve) for curve in now], [aspect.of(curve) for curve in reference]
    mean, before = statistics.fmean(ours), statistics.fmean(theirs)
    examples = reference[0].evaluation_examples
    floor = aspect.floor(before, examples)
    margin = max(floor, aspect.margin(before, examples))
    sd = max(statistics.stdev(theirs), aspect.resolution(before, examples))
    standard_error = sd * math.sqrt(1 / len(ours) + 1 / len(theirs))
    dof = len(theirs) - 1
    shown = two_sided_quantile(PASS_CONFIDENCE, dof) * standard_error
    sure = one_sided_quantile(change_confidence, dof) * standard_error
    worse = (mean - before) * (1 if aspect.lower_is_better else -1)
    comparison = Comparison(
        metric=aspect.metric,
        baseline=before,
        now=mean,
        change=mean / before - 1,
        interval=((mean - shown) / before - 1, (mean + shown) / before - 1),
        confidence=PASS_CONFIDENCE,
        tolerance=floor / before,
        direction="lower_is_better" if aspect.lower_is_better else "higher_is_better",
        outcome=_outcome(worse, shown, max(sure, floor), margin, seeds=len(ours), seeds_before=len(theirs)),
    )
    return _Judged(comparison, max(sure, floor), margin)


def _outcome(
    worse: float, shown: float, visible: float, margin: float, *, seeds: int, seeds_before: int
) -> Outcome:
    """``visible`` is the smallest loss that is neither chance nor negligible."""
    if worse > visible:
        return Outcome.REGRESSED
    if worse < -visible:
        return Outcome.IMPROVED
    if (seeds == 1 and seeds_before >= MIN_SEEDS) or worse + shown <= margin:
        return Outcome.PASSED
    return Outcome.INCONCLUSIVE


def _binomial_sd(share: float, examples: int) -> float:
    """Standard deviation of a share of ``examples``; of a share of 1, as if one more were wrong."""
    wrong = max(1 - share, 1 / examples)
    return math.sqrt(wrong * (1 - wrong) / examples)


def missed(curve: Curve, target: float) -> str:
    """That a seed does not get there, and how far it gets."""
    best = max(range(len(curve.epochs)), key=lambda index: curve.epochs[index].top1)
    return (
        f"seed {curve.seed} does not reach {_share(target)} top-1 within {_epochs(len(curve.epochs))} (its "
        f"best is {_share(curve.epochs[best].top1)} after epoch {best + 1})"
    )


def _frozen(curve: Curve) -> str:
    """Which variables do not train."""
    first, *others = curve.frozen_variables
    more = f" and {len(others)} other variables" if others else ""
    return f"{first}{more} did not change in {_epochs(len(curve.epochs))} of training: not updated"


def _finding(judged: _Judged, seeds: int) -> str:
    comparison = judged.comparison
    name = NAMES[comparison.metric]
    now, before, margin = (
        _number(comparison.metric, value) for value in (comparison.now, comparison.baseline, judged.margin)
    )
    match comparison.outcome:
        case Outcome.REGRESSED:
            return f"{name} is {now}, worse than the baseline's {before} by more than its seeds differ by"
        case Outcome.IMPROVED:
            return (
                f"{name} is {now}, better than the baseline's {before} by more than its seeds differ by: "
                "update the baseline with --accel-update-baselines"
            )
        case Outcome.PASSED if seeds == 1:
            return f"one seed lies where the baseline's seeds do: {name} is {now}, on average {before} there"
        case Outcome.PASSED:
            return f"a loss beyond the margin of {margin} is ruled out: {name} is {now}, and was {before}"
    return (
        f"{_seeds(seeds)} can neither show nor rule out a loss of {name} beyond the margin of {margin}: it "
        f"is {now}, and was {before}; more seeds narrow it (--accel-runs={2 * seeds})"
    )


def _visible(judged: Sequence[_Judged], seeds: int, baseline_seeds: int) -> str:
    losses = ", ".join(
        f"{NAMES[one.comparison.metric]} {_number(one.comparison.metric, one.smallest_visible)}"
        for one in judged
    )
    return f"the smallest losses that {_seeds(seeds)} against {baseline_seeds} could have shown: {losses}"


def _sizes(comparison: Comparison) -> str:
    now, before = (_number(comparison.metric, value) for value in (comparison.now, comparison.baseline))
    return f"{NAMES[comparison.metric]} is {now}, and was {before}"


NAMES = {
    "time_to_target_s": "time to target",
    "epochs_to_target": "epochs to target",
    "best_top1": "best top-1",
    "final_top1": "final top-1",
}


def _number(metric: str, value: float) -> str:
    match metric:
        case "epochs_to_target":
            return f"{value:.1f}"
        case "time_to_target_s":
            return f"{value:.3g} s"
    return _share(value)


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


def _epochs(count: int) -> str:
    return formatting.count(count, "epoch")


def _seeds(seeds: int) -> str:
    return formatting.count(seeds, "seed")
