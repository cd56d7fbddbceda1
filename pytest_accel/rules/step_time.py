"""Has the step time changed? Pure; docs/verdicts.md explains the rule and its error rates.

The unit is the run, a fresh process. Work is done in logarithms, so that twice as slow and twice as fast are
equally far from no change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_accel.metrics import run_step_time_s, step_time_s
from pytest_accel.records import Comparison, NeedMore, Outcome, Policy, Steps, Verdict
from pytest_accel.stats import LogRatio, log_ratio, two_sided_quantile

CHANGED = (Outcome.REGRESSED, Outcome.IMPROVED)
"""What only the last planned look may say: looking again gives chance no second opportunity, and one run that
a neighbour disturbed fails nothing."""


def judge(
    now: Sequence[Steps], reference: Sequence[Steps], policy: Policy, *, more: bool
) -> Verdict | NeedMore:
    """Compare the runs of now with those of the baseline.

    ``more`` says that a further run may be asked for; without it the answer is always a verdict. Raises
    ValueError if there is no run on either side, or if a step time is not positive.
    """
    if not now or not reference:
        raise ValueError("a comparison needs at least one run now and one in the baseline")
    if more and len(now) < policy.min_runs:
        return NeedMore(f"{len(now)} of at least {policy.min_runs} runs measured")
    quantile = two_sided_quantile(policy.confidence, policy.between_run_dof)
    ratio = log_ratio(
        [run_step_time_s(run) for run in now],
        [run_step_time_s(run) for run in reference],
        sd=policy.between_run_sd,
        quantile=quantile,
    )
    outcome = _outcome(ratio, policy.tolerance)
    if more and outcome is Outcome.INCONCLUSIVE and _could_decide(ratio, now, reference, policy, quantile):
        return NeedMore(f"after {_runs(now)} {_size(ratio, policy)} is undecided")
    if more and outcome in CHANGED and len(now) < policy.max_runs:
        return NeedMore(
            f"after {_runs(now)} {_size(ratio, policy)}: the other planned runs have to confirm it"
        )
    comparison = Comparison(
        metric="step_time_s",
        baseline=step_time_s(reference),
        now=step_time_s(now),
        change=ratio.change,
        interval=ratio.interval,
        confidence=policy.confidence,
        tolerance=policy.tolerance,
        direction="lower_is_better",
        outcome=outcome,
    )
    return Verdict(outcome, _reason(outcome, ratio, now, policy), (comparison,))


def _outcome(ratio: LogRatio, tolerance: float) -> Outcome:
    low, high = ratio.interval
    if low > 0 and ratio.change > tolerance:
        return Outcome.REGRESSED
    if high < 0 and ratio.change < 1 / (1 + tolerance) - 1:
        return Outcome.IMPROVED
    if high <= tolerance:
        return Outcome.PASSED
    return Outcome.INCONCLUSIVE


def _could_decide(
    ratio: LogRatio, now: Sequence[Steps], reference: Sequence[Steps], policy: Policy, quantile: float
) -> bool:
    """Whether the last planned look could end otherwise than inconclusive.

    Until then the estimate moves by no more than ``reach``, at the confidence of the interval: the mean of n
    runs has variance sd²/n, that of all N has sd²/N, and their difference has sd² (1/n - 1/N). An
    improvement needs no line of its own: where one is in reach, so is a pass.
    """
    runs, last = len(now), max(len(now), policy.max_runs)
    if runs == last:
        return False
    unit = quantile * policy.between_run_sd
    reach = unit * math.sqrt(1 / runs - 1 / last)
    last_half_width = unit * math.sqrt(1 / last + 1 / len(reference))
    tolerance = math.log1p(policy.tolerance)
    could_pass = ratio.estimate - reach + last_half_width <= tolerance
    could_regress = ratio.estimate + reach > max(tolerance, last_half_width)
    return could_pass or could_regress


def _reason(outcome: Outcome, ratio: LogRatio, now: Sequence[Steps], policy: Policy) -> str:
    tolerance = f"{100 * policy.tolerance:g} %"
    size = f"{100 * abs(ratio.change):.1f} %"
    interval = _interval(ratio, policy)
    if outcome is Outcome.PASSED:
        return f"a slowdown above {tolerance} is ruled out: {_size(ratio, policy)}"
    if outcome is Outcome.IMPROVED:
        return (
            f"step time is {size} shorter than the baseline {interval}, beyond the tolerance of {tolerance}: "
            "update the baseline with --accel-update-baselines"
        )
    if outcome is Outcome.REGRESSED:
        return (
            f"step time is {size} longer than the baseline {interval}, "
            f"above the tolerance of {tolerance}{_assumption(policy)}"
        )
    return (
        f"{_runs(now)} can neither show nor rule out a slowdown above {tolerance}: {_size(ratio, policy)}, "
        f"and the smallest slowdown this could have seen is {_smallest_visible(ratio, policy)}; more runs, "
        f"here and in the baseline, narrow it (--accel-runs={max(5, 2 * len(now))}){_assumption(policy)}"
    )


def _size(ratio: LogRatio, policy: Policy) -> str:
    return f"step time changed by {100 * ratio.change:+z.1f} % {_interval(ratio, policy)}"


def _interval(ratio: LogRatio, policy: Policy) -> str:
    low, high = ratio.interval
    return f"({100 * policy.confidence:g} % interval {100 * low:+z.1f} % to {100 * high:+z.1f} %)"


def _smallest_visible(ratio: LogRatio, policy: Policy) -> str:
    return f"{100 * max(policy.tolerance, math.expm1(ratio.half_width)):.1f} %"


def _assumption(policy: Policy) -> str:
    if not policy.assumed:
        return ""
    return (
        f" (a standard deviation of {100 * policy.between_run_sd:g} % between runs is assumed: "
        "record the baseline with --accel-runs=5 to measure it)"
    )


def _runs(runs: Sequence[Steps]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"
