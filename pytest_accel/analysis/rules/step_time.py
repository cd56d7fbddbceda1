"""Has the step time changed? Pure; docs/verdicts.md explains the rule.

The unit is the run, a fresh process. Work is done in logarithms, so that twice as slow and twice as fast are
equally far from no change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_accel.analysis import formatting
from pytest_accel.analysis.metrics.steps import run_step_time_s, step_time_s
from pytest_accel.analysis.rules import wording
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, CHANGED, PASS_CONFIDENCE, comparison_of
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.variance import FULL_BLOCKS, SESSION_SD_RATIO
from pytest_accel.analysis.stats import LogRatio, Spread, log_ratio, two_sided_quantile
from pytest_accel.records import NeedMore, Outcome, Steps, Verdict


def judge(
    now: Sequence[Steps], reference: Sequence[Steps], policy: Policy, *, may_take_more: bool
) -> Verdict | NeedMore:
    """Compare the runs of now with those of the baseline.

    ``may_take_more`` says that a further run may be asked for; without it the answer is always a verdict.
    Raises ValueError if a side has no runs, or if a step time is not positive.
    """
    if not now or not reference:
        raise ValueError("a comparison needs at least one run now and one in the baseline")
    if may_take_more and len(now) < policy.min_runs:
        return NeedMore(f"{len(now)} of at least {policy.min_runs} runs measured")
    spread = Spread(policy.between_run_sd, SESSION_SD_RATIO * policy.between_run_sd, policy.between_run_dof)
    ratio = log_ratio(
        [run_step_time_s(run) for run in now], [run_step_time_s(run) for run in reference], spread
    )
    comparison = comparison_of(
        ratio, policy.tolerance, now_s=step_time_s(now), baseline_s=step_time_s(reference)
    )
    outcome = comparison.outcome
    size = wording.size(ratio)
    if (
        may_take_more
        and outcome is Outcome.INCONCLUSIVE
        and _could_decide(ratio, now, reference, policy, spread)
    ):
        return NeedMore(f"after {_runs(now)} {size} is undecided")
    # Only the last planned look may say so: looking again gives chance no second opportunity, and one run
    # that a neighbour disturbed fails nothing.
    if may_take_more and outcome in CHANGED and len(now) < policy.max_runs:
        return NeedMore(f"after {_runs(now)} {size}: the other planned runs have to confirm it")
    blocks = fewest_blocks(now, reference)
    return Verdict(outcome, _reason(outcome, ratio, now, policy, spread, blocks), (comparison,))


def fewest_blocks(now: Sequence[Steps], reference: Sequence[Steps]) -> int:
    """Those of the shortest run."""
    return min(len(run.step_times_s) for run in (*now, *reference))


def _could_decide(
    ratio: LogRatio, now: Sequence[Steps], reference: Sequence[Steps], policy: Policy, spread: Spread
) -> bool:
    """Whether the last planned look could end otherwise than inconclusive.

    Until then the estimate moves by no more than ``reach``, with the confidence of a change: the mean of n
    runs has variance sd²/n beside what they share, that of all N has sd²/N, and their difference has
    sd² (1/n - 1/N). An improvement needs no line of its own: where one is in reach, so is a pass.
    """
    runs, last = len(now), max(len(now), policy.max_runs)
    if runs == last:
        return False
    reach = two_sided_quantile(CHANGE_CONFIDENCE, spread.dof) * spread.sd * math.sqrt(1 / runs - 1 / last)
    at_last = LogRatio(0.0, spread.standard_error(last, len(reference)), spread.dof)
    tolerance = math.log1p(policy.tolerance)
    could_pass = ratio.estimate - reach + at_last.half_width(PASS_CONFIDENCE) <= tolerance
    could_regress = ratio.estimate + reach > max(tolerance, at_last.half_width(CHANGE_CONFIDENCE))
    return could_pass or could_regress


def _reason(
    outcome: Outcome, ratio: LogRatio, now: Sequence[Steps], policy: Policy, spread: Spread, blocks: int
) -> str:
    tolerance = f"{100 * policy.tolerance:g}%"
    change = f"{100 * abs(ratio.change):.1f}%"
    size = wording.size(ratio)
    interval = wording.interval(ratio)
    if outcome is Outcome.PASSED:
        return f"a slowdown above {tolerance} is ruled out: {size}"
    if outcome is Outcome.IMPROVED:
        return (
            f"step time is {change} shorter than the baseline {interval}, beyond the tolerance of "
            f"{tolerance}: update the baseline with --accel-update-baselines"
        )
    if outcome is Outcome.REGRESSED:
        return (
            f"step time is {change} longer than the baseline {interval}, "
            f"above the tolerance of {tolerance}{_assumption(policy, blocks)}"
        )
    return (
        f"{_runs(now)} can neither show nor rule out a slowdown above {tolerance}: {size}, and the smallest "
        f"slowdown this could have seen is {wording.smallest_visible(ratio, policy.tolerance)}; "
        f"{_way_out(now, policy, spread, blocks)}{_assumption(policy, blocks)}"
    )


def _way_out(now: Sequence[Steps], policy: Policy, spread: Spread, blocks: int) -> str:
    """What to do about an inconclusive comparison: longer runs, or more, unless sessions differ too much."""
    if blocks < FULL_BLOCKS:
        return f"longer runs, here and in the baseline, narrow it ({FULL_BLOCKS} blocks or more)"
    limit = LogRatio(0.0, spread.standard_error(math.inf, math.inf), spread.dof)
    if limit.half_width(PASS_CONFIDENCE) < math.log1p(policy.tolerance):
        return f"more runs, here and in the baseline, narrow it (--accel-runs={max(5, 2 * len(now))})"
    return (
        "sessions on this machine differ too much for that, however many runs they have: compare side by "
        "side with --accel-against, or set a wider --accel-tolerance"
    )


def _assumption(policy: Policy, blocks: int) -> str:
    if not policy.assumed:
        return ""
    assumed = f" (a standard deviation of {100 * policy.between_run_sd:.3g}% between runs"
    if blocks < FULL_BLOCKS:
        return (
            f"{assumed} is assumed, since the shortest has only {blocks} blocks of steps: a larger "
            "--accel-budget gives it more)"
        )
    return (
        f"{assumed} is assumed: "
        "record baselines with more runs (--accel-runs=9 is enough for one benchmark) to measure it)"
    )


def _runs(runs: Sequence[Steps]) -> str:
    return formatting.count(len(runs), "run")
