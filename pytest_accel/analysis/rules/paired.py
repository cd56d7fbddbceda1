"""Is this environment slower than the other? Pure; docs/verdicts.md explains the rule.

The unit is the pair of processes. Its rounds tell how well its own ratio is known; what remains differs from
pair to pair, since each process is one draw of memory layout and thread placement.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.analysis import formatting
from pytest_accel.analysis.metrics.steps import run_step_time_s, step_time_s
from pytest_accel.analysis.rules import wording
from pytest_accel.analysis.rules.decision import Confidence, comparison_of
from pytest_accel.analysis.rules.policy import PairPolicy
from pytest_accel.analysis.rules.variance import EXPECTED_DOF, sd_for_few_blocks
from pytest_accel.analysis.stats import LogRatio, trimmed_mean
from pytest_accel.records import Kind, NeedMore, Outcome, Pair, Verdict

INTERLEAVED_SD: Mapping[Kind, float] = {Kind.CPU: 0.015, Kind.GPU: 0.003, Kind.TPU: 0.003}
"""Least standard deviation between pairs of the log ratio of their step times, beside the noise of rounds.

Pairs whose blocks took turns. The CPU's was measured on two shared cores (docs/error-rates.md), the others
are declared for a device that nobody else uses.
"""

NEGLIGIBLE = 0.1
"""Rounds end once their noise is at most this share of the variance between pairs: more would not tighten the
interval."""

CLEAR = 5.0
"""They also end when the ratio is this many standard errors beyond the tolerance: more would not undo
that."""

MIN_ROUNDS_BEFORE_STOPPING = 10
"""Of fewer, too little can be said about how they scatter to stop."""


@dataclass(frozen=True)
class _Change:
    """Logarithm of the time here over that in the other environment, and the variance of that."""

    estimate: float
    variance: float


def judge(pairs: Sequence[Pair], policy: PairPolicy, *, may_take_more: bool) -> Verdict | NeedMore:
    """Judge these pairs.

    ``may_take_more`` says that a further pair may be asked for; without it the answer is always a verdict.
    Raises ValueError without a pair, or if a step time is not positive.
    """
    if not pairs:
        raise ValueError("a comparison needs at least one pair")
    last = not may_take_more or len(pairs) >= policy.max_pairs
    if not last and len(pairs) not in policy.looks:
        planned = next(look for look in policy.looks if look > len(pairs))
        return NeedMore(f"{_count(pairs)} measured, and the next evaluation is after {planned}")
    confidence = policy.confidence_of_each
    ratio = _combined([_change(pair, policy) for pair in pairs])
    now_s = step_time_s([pair.candidate.steps for pair in pairs])
    comparison = comparison_of(
        ratio,
        policy.tolerance,
        now_s=now_s,
        baseline_s=now_s / (1 + ratio.change),
        confidence=confidence,
    )
    if not last and comparison.outcome is Outcome.INCONCLUSIVE:
        return NeedMore(f"after {_count(pairs)} {wording.size(ratio, confidence)} is undecided")
    outcome = comparison.outcome
    reason = _reason(outcome, ratio, pairs, policy, confidence)
    return Verdict(outcome, reason, (comparison,), _cause(policy) if outcome is Outcome.INCONCLUSIVE else "")


def log_ratio_of_rounds(candidate_s: Sequence[float], reference_s: Sequence[float]) -> float:
    """The logarithm of the ratio of a pair, from the step times (s) of its rounds."""
    return _of_rounds(candidate_s, reference_s).estimate


def precise(candidate_s: Sequence[float], reference_s: Sequence[float], policy: PairPolicy) -> bool:
    """Whether more rounds of this pair would not help; the times of its rounds so far, in seconds."""
    if len(candidate_s) < MIN_ROUNDS_BEFORE_STOPPING:
        return False
    change = _of_rounds(candidate_s, reference_s)
    known = change.variance <= NEGLIGIBLE * policy.interleaved_sd**2
    beyond = abs(change.estimate) - math.log1p(policy.tolerance)
    return known or beyond > CLEAR * math.sqrt(change.variance)


def _change(pair: Pair, policy: PairPolicy) -> _Change:
    candidate, reference = pair.candidate.steps, pair.reference.steps
    if not pair.interleaved:
        run_sd = sd_for_few_blocks(
            policy.run_sd, min(len(candidate.step_times_s), len(reference.step_times_s))
        )
        return _Change(math.log(run_step_time_s(candidate) / run_step_time_s(reference)), 2 * run_sd**2)
    rounds = _of_rounds(candidate.step_times_s, reference.step_times_s)
    return _Change(rounds.estimate, rounds.variance + policy.interleaved_sd**2)


def _of_rounds(candidate_s: Sequence[float], reference_s: Sequence[float]) -> _Change:
    """The trimmed mean of the logarithm of each round's ratio, and the variance of that mean.

    A neighbour that starts or stops within a round spoils that round only; a fifth on each side is left out.
    """
    ratios = [
        math.log(candidate / reference) for candidate, reference in zip(candidate_s, reference_s, strict=True)
    ]
    mean, standard_error = trimmed_mean(ratios)
    return _Change(mean, standard_error**2)


def _combined(changes: Sequence[_Change]) -> LogRatio:
    """The mean over pairs, with a moderated variance: what was expected of them, pooled with what was seen.

    So few pairs need no t of three degrees of freedom: Smyth, "Linear models and empirical Bayes methods for
    assessing differential expression in microarray experiments" (2004).
    """
    estimates = [change.estimate for change in changes]
    expected = statistics.fmean(change.variance for change in changes)
    seen = statistics.variance(estimates) if len(estimates) > 1 else 0.0
    seen_dof = len(estimates) - 1
    dof = EXPECTED_DOF + seen_dof
    variance = (EXPECTED_DOF * expected + seen_dof * seen) / dof
    return LogRatio(statistics.fmean(estimates), math.sqrt(variance / len(estimates)), dof)


def _reason(
    outcome: Outcome, ratio: LogRatio, pairs: Sequence[Pair], policy: PairPolicy, confidence: Confidence
) -> str:
    tolerance = f"{100 * policy.tolerance:g}%"
    amount = f"{100 * abs(ratio.change):.1f}%"
    interval = wording.interval(ratio, confidence)
    size = wording.size(ratio, confidence)
    if outcome is Outcome.PASSED:
        return f"a slowdown above {tolerance} is ruled out by {_count(pairs)}: {size}"
    if outcome is Outcome.IMPROVED:
        beyond = f"beyond the tolerance of {tolerance}"
        return f"{amount} less time per step than in the other environment {interval}, {beyond}"
    if outcome is Outcome.REGRESSED:
        above = f"above the tolerance of {tolerance}"
        return f"{amount} more time per step than in the other environment {interval}, {above}"
    visible = wording.smallest_visible(ratio, policy.tolerance, confidence)
    return (
        f"{_count(pairs)} can neither show nor rule out a slowdown above {tolerance}: {size}, and the "
        f"smallest slowdown this could have seen is {visible}; a "
        "larger --accel-budget or a quieter machine narrows it"
    )


def _cause(policy: PairPolicy) -> str:
    """Of an inconclusive comparison."""
    return (
        f"pairs of runs vary too much to show or rule out a slowdown above {100 * policy.tolerance:g}%: a "
        "larger --accel-budget or a quieter machine narrows it"
    )


def _count(pairs: Sequence[Pair]) -> str:
    return formatting.count(len(pairs), "pair of runs", "pairs of runs")
