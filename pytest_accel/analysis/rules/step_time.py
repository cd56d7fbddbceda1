"""Has the step time changed? Pure; docs/verdicts.md explains the rule.

The unit is the run, a fresh process. Work is done in logarithms, so that twice as slow and twice as fast are
equally far from no change.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from pytest_accel.analysis import formatting
from pytest_accel.analysis.metrics.steps import run_step_time_s, step_time_s
from pytest_accel.analysis.rules import next_steps, wording
from pytest_accel.analysis.rules.decision import CHANGED, comparison_of
from pytest_accel.analysis.rules.disturbance import description, is_disturbed, programs
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.run_lengths import fewest_blocks
from pytest_accel.analysis.rules.variance import FULL_BLOCKS, MEASURED_DOF, SESSION_SD_RATIO, moderated
from pytest_accel.analysis.stats import (
    LogRatio,
    Spread,
    log_ratio,
    pooled_log_variance,
    two_sided_quantile,
)
from pytest_accel.records import NeedMore, NextStep, Outcome, Steps, Verdict

REACH_CONFIDENCE = 0.99
"""That further runs do not move the estimate by more than what counts as within reach."""

VARIES_MUCH = 2.0
"""A message says that a benchmark varies, once its standard deviation is this many times what is expected."""

_MARGIN = 1.25
"""By how much a budget exceeds what seems to be enough: a run has a warm-up as well."""

QUIET = "stop them, use a quieter machine, or compare side by side with --accel-against"


def judge(
    now: Sequence[Steps],
    reference: Sequence[Steps],
    policy: Policy,
    *,
    may_take_more: bool,
    may_confirm: bool | None = None,
) -> Verdict | NeedMore:
    """Judge the runs of a session, in the order in which they were taken, by those of the baseline.

    The first evaluation that shows a change is not the last word, since one spell on a shared machine may
    slow all runs of a few minutes: later runs have to confirm it, either by themselves, or by an estimate
    beyond the tolerance where they are too few and all runs together show the change. ``may_take_more``
    says that a further run may be asked for, and ``may_confirm`` that one may be to confirm a change, by
    default the same; without them the answer is always a verdict. Raises ValueError if a side has no runs, or
    if a step time is not positive.
    """
    if not now or not reference:
        raise ValueError("a comparison needs at least one run now and one in the baseline")
    if may_take_more and len(now) < policy.min_runs:
        return NeedMore(f"{len(now)} of at least {policy.min_runs} runs measured")
    last = min(len(now), max(policy.min_runs, policy.max_runs))
    for count in range(min(policy.min_runs, len(now)), last + 1):
        verdict = compare(now[:count], reference, policy)
        if verdict.outcome in CHANGED:
            may_confirm = may_take_more if may_confirm is None else may_confirm
            return _confirmation(verdict, now[:count], now[count:], reference, policy, may_confirm)
        if verdict.outcome is Outcome.PASSED:
            return verdict
    if may_take_more and _could_decide(now, reference, policy):
        return NeedMore(f"after {_runs(now)} {_size(now, reference, policy)} is undecided")
    return verdict


def compare(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> Verdict:
    """Judge these runs as one sample, as if no other had been or would be taken.

    A disturbed run is evidence for a pass only. Raises as :func:`judge` does.
    """
    verdict = _compare(now, reference, policy)
    if verdict.outcome is Outcome.PASSED or not any(map(is_disturbed, (*now, *reference))):
        return verdict
    quiet = [run for run in now if not is_disturbed(run)]
    if not any(map(is_disturbed, reference)):
        if quiet:
            return _compare(quiet, reference, policy)
        if verdict.outcome is Outcome.IMPROVED:
            return _no_worse(verdict, change(now, reference, policy), policy)
    side = reference if any(map(is_disturbed, reference)) else now
    when = "when the baseline was recorded, " if side is reference else ""
    return _undecided(
        verdict,
        f"{when}{description(side)}, so a change cannot be confirmed: {QUIET}",
        _record_when_quiet(reference, policy) if side is reference else next_steps.wait_longer(policy.wait_s),
        f"{when}other programs used the CPU ({programs(side)}), so a change cannot be confirmed: {QUIET}",
    )


def _no_worse(verdict: Verdict, ratio: LogRatio, policy: Policy) -> Verdict:
    """Of runs that are faster although they were disturbed: that is not a slowdown, whatever else it is."""
    (comparison,) = verdict.comparisons
    passed = dataclasses.replace(comparison, outcome=Outcome.PASSED)
    return Verdict(Outcome.PASSED, _reason(Outcome.PASSED, ratio, policy), (passed,))


def _record_when_quiet(reference: Sequence[Steps], policy: Policy) -> NextStep:
    return next_steps.record_again_when_quiet(max(next_steps.ADVISED_RUNS, len(reference)), policy.wait_s)


def _confirmation(
    suspected: Verdict,
    earlier: Sequence[Steps],
    later: Sequence[Steps],
    reference: Sequence[Steps],
    policy: Policy,
    may_confirm: bool,
) -> Verdict | NeedMore:
    size = _size(earlier, reference, policy)
    if may_confirm and len(later) < policy.confirmation_runs:
        return NeedMore(
            f"after {_runs(earlier)} {size}: later runs have to confirm it",
            pause_s=0.0 if later else policy.pause_s,
        )
    if not later:
        return _undecided(
            suspected,
            f"{size}, and no later run could confirm it: a larger --accel-session-budget allows more",
            next_steps.WITHOUT_SESSION_BUDGET,
        )
    alone, pooled = compare(later, reference, policy), compare([*earlier, *later], reference, policy)
    if alone.outcome in CHANGED and alone.outcome is not suspected.outcome:
        return _undecided(
            alone,
            f"after {_runs(earlier)} {size}, and of the next {len(later)} {_size(later, reference, policy)}: "
            "run it again",
            next_steps.AGAIN,
        )
    confirmed = alone.outcome is Outcome.INCONCLUSIVE and _beyond(alone) is suspected.outcome
    return pooled if confirmed and pooled.outcome is suspected.outcome else alone


def _beyond(verdict: Verdict) -> Outcome | None:
    """Which change the estimate is, however well it is known; None within the tolerance."""
    (comparison,) = verdict.comparisons
    if comparison.change > comparison.tolerance:
        return Outcome.REGRESSED
    return Outcome.IMPROVED if comparison.change < 1 / (1 + comparison.tolerance) - 1 else None


def _undecided(verdict: Verdict, reason: str, next_step: NextStep, cause: str = "") -> Verdict:
    comparisons = tuple(
        dataclasses.replace(comparison, outcome=Outcome.INCONCLUSIVE) for comparison in verdict.comparisons
    )
    return Verdict(Outcome.INCONCLUSIVE, reason, comparisons, cause, next_step)


def _compare(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> Verdict:
    ratio = change(now, reference, policy)
    comparison = comparison_of(
        ratio,
        policy.tolerance,
        now_s=step_time_s(now),
        baseline_s=step_time_s(reference),
        confidence=policy.confidence,
    )
    outcome = comparison.outcome
    if outcome in (Outcome.PASSED, Outcome.IMPROVED):
        return Verdict(outcome, _reason(outcome, ratio, policy), (comparison,))
    variation = _variation(now, reference, policy)
    if outcome is Outcome.REGRESSED:
        return Verdict(outcome, _reason(outcome, ratio, policy) + variation, (comparison,))
    way_out, next_step = _way_out(now, reference, policy)
    way_out += variation
    reason, cause = _doubt(ratio, now, policy) + way_out, _cause(policy) + way_out
    return Verdict(outcome, reason, (comparison,), cause, next_step)


def change(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> LogRatio:
    """By how much the step time differs, and how well that is known."""
    return log_ratio(_times_s(now), _times_s(reference), _spread(now, reference, policy))


def _times_s(runs: Sequence[Steps]) -> list[float]:
    return [run_step_time_s(run) for run in runs]


def _spread(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> Spread:
    sd, dof = moderated(policy.expected_sd, [_times_s(now), _times_s(reference), *policy.earlier_s])
    session_sd = policy.session_sd
    if session_sd is None:
        session_sd = SESSION_SD_RATIO * policy.expected_sd
    scaled = min(session_sd * sd / policy.expected_sd, SESSION_SD_RATIO * sd)
    return Spread(sd, max(session_sd, scaled), dof)


def _size(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> str:
    return wording.size(change(now, reference, policy), policy.confidence)


def _could_decide(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> bool:
    """Whether the last planned evaluation could end otherwise than inconclusive.

    Until then the estimate moves by no more than ``reach``, with REACH_CONFIDENCE: the mean of n runs has
    variance sd²/n beside what they share, that of all N has sd²/N, and their difference has
    sd² (1/n - 1/N). An improvement needs no line of its own: where one is in reach, so is a pass.
    """
    runs, last = len(now), max(len(now), policy.max_runs)
    if runs == last:
        return False
    if any(map(is_disturbed, now)):
        return True  # the next run may find a quiet machine
    ratio, spread = change(now, reference, policy), _spread(now, reference, policy)
    reach = two_sided_quantile(REACH_CONFIDENCE, spread.dof) * spread.sd * math.sqrt(1 / runs - 1 / last)
    at_last = LogRatio(0.0, spread.standard_error(last, len(reference)), spread.dof + last - runs)
    tolerance = math.log1p(policy.tolerance)
    could_pass = ratio.estimate - reach + at_last.half_width(policy.confidence.passing) <= tolerance
    could_regress = ratio.estimate + reach > max(tolerance, at_last.half_width(policy.confidence.change))
    return could_pass or could_regress


def _reason(outcome: Outcome, ratio: LogRatio, policy: Policy) -> str:
    """Of a verdict that is not inconclusive."""
    tolerance = f"{100 * policy.tolerance:g}%"
    change = f"{100 * abs(ratio.change):.1f}%"
    if outcome is Outcome.PASSED:
        return f"a slowdown above {tolerance} is ruled out: {wording.size(ratio, policy.confidence)}"
    interval = wording.interval(ratio, policy.confidence)
    if outcome is Outcome.IMPROVED:
        return (
            f"{change} less time per step than the baseline {interval}, beyond the tolerance of "
            f"{tolerance}: update the baseline with --accel-update-baselines"
        )
    return f"{change} more time per step than the baseline {interval}, above the tolerance of {tolerance}"


def _doubt(ratio: LogRatio, now: Sequence[Steps], policy: Policy) -> str:
    """Of an inconclusive comparison, the way out of which follows."""
    visible = wording.smallest_visible(ratio, policy.tolerance, policy.confidence)
    return (
        f"{_runs(now)} can neither show nor rule out a slowdown above {100 * policy.tolerance:g}%: "
        f"{wording.size(ratio, policy.confidence)}, and the smallest slowdown this could have seen is "
        f"{visible}; "
    )


def _cause(policy: Policy) -> str:
    """The same for several benchmarks at once."""
    return f"the runs vary too much to show or rule out a slowdown above {100 * policy.tolerance:g}%: "


def _way_out(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> tuple[str, NextStep]:
    """What to do about an inconclusive comparison: longer runs, or more, unless sessions differ too much."""
    if fewest_blocks(now, reference) < FULL_BLOCKS:
        words = f"longer runs, here and in the baseline, narrow it ({FULL_BLOCKS} blocks or more)"
        longer = FULL_BLOCKS / fewest_blocks(now, reference)
        runs = max(next_steps.ADVISED_RUNS, len(reference))
        return words, next_steps.record_longer_runs(runs, _MARGIN * longer * policy.budget_s)
    spread = _spread(now, reference, policy)
    limit = LogRatio(0.0, spread.standard_error(math.inf, math.inf), math.inf)
    if limit.half_width(policy.confidence.passing) < math.log1p(policy.tolerance):
        runs = max(5, 2 * len(now))
        return (
            f"more runs, here and in the baseline, narrow it (--accel-runs={runs})",
            next_steps.more_runs(runs),
        )
    words = (
        "sessions on this machine differ too much for that, however many runs they have: compare side by "
        "side with --accel-against, or set a wider --accel-tolerance"
    )
    if policy.assumed:
        return words, next_steps.CALIBRATE
    at_last = LogRatio(0.0, spread.standard_error(policy.max_runs, len(reference)), spread.dof)
    return words, next_steps.wider_tolerance(math.expm1(at_last.half_width(policy.confidence.passing)))


def _variation(now: Sequence[Steps], reference: Sequence[Steps], policy: Policy) -> str:
    """Where the width of an interval comes from, if it is not what was measured on this machine."""
    expected = f"{100 * policy.expected_sd:.3g}%"
    variance, dof = pooled_log_variance([_times_s(now), _times_s(reference), *policy.earlier_s])
    seen = math.sqrt(variance)
    if seen > VARIES_MUCH * policy.expected_sd:
        return (
            f" (the runs of this benchmark differ by a standard deviation of {100 * seen:.3g}%, where "
            f"{expected} is expected)"
        )
    if not policy.assumed:
        return ""
    assumed = f" (a standard deviation of {expected} between runs"
    blocks = fewest_blocks(now, reference)
    if blocks < FULL_BLOCKS:
        return (
            f"{assumed} is assumed, since the shortest has only {blocks} blocks of steps: a larger "
            "--accel-budget gives it more)"
        )
    if dof >= MEASURED_DOF or _spread(now, reference, policy).sd > policy.expected_sd:
        return ""
    return f"{assumed} is assumed: `pytest-accel calibrate` measures it)"


def _runs(runs: Sequence[Steps]) -> str:
    return formatting.count(len(runs), "run")
