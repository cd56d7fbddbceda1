"""The verdict on a compiled program. What the compiler says is exact, so a change is a change. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_accel.analysis.metrics.program import collectives, host_transfers
from pytest_accel.analysis.rules import program_causes
from pytest_accel.analysis.rules.program_causes import signed_percent
from pytest_accel.records import Comparison, Outcome, ProgramFacts, Verdict

TOLERANCE = 0.02
"""Relative; a program that grows by less is taken to be the same."""

MIN_TIME_CHANGE_S = 1e-6
MIN_MEMORY_CHANGE = 0.001
"""Of the device's memory: a smaller change of the peak is none."""
MIN_EXCHANGE_CHANGE_BYTES = 64 * 2**10


@dataclass(frozen=True)
class GatedMetric:
    """A number of a program that is compared; less is better.

    A change up to ``minimum`` is none. Nor is one within the tolerance, unless the metric ``is_exact``.
    """

    metric: str
    of: Callable[[ProgramFacts], float]
    name: str
    minimum: Callable[[int], float]
    is_exact: bool = False


STEP_TIME = GatedMetric(
    "modelled_step_time_s",
    lambda facts: facts.modelled_step_time_s or 0.0,
    "modelled step time",
    lambda memory_bytes: MIN_TIME_CHANGE_S,
)
GATED = (
    STEP_TIME,
    GatedMetric(
        "peak_memory_bytes",
        lambda facts: facts.peak_memory_bytes,
        "peak memory",
        lambda memory_bytes: MIN_MEMORY_CHANGE * memory_bytes,
    ),
    GatedMetric(
        "collective_bytes",
        lambda facts: collectives(facts).exchanged_bytes,
        "exchanged bytes",
        lambda memory_bytes: MIN_EXCHANGE_CHANGE_BYTES,
    ),
    GatedMetric("host_transfers", host_transfers, "host transfers", lambda memory_bytes: 0, is_exact=True),
)


def judge(
    now: ProgramFacts, before: ProgramFacts, memory_bytes: int, tolerance: float = TOLERANCE
) -> Verdict:
    """What the program has become on a device with this memory, and what made it so.

    The modelled step time decides where it changes: a program that is faster for more memory, which it
    found, has improved. Where the time stays, memory and exchanges decide. More transfers between device and
    host regress in any case: how long a step waits for the host, no model knows.
    """
    comparisons = tuple(_compared(gated, now, before, memory_bytes, tolerance) for gated in GATED)
    time, *others, transfers = (comparison.outcome for comparison in comparisons)
    outcome = time
    if transfers is Outcome.REGRESSED:
        outcome = transfers
    elif time is Outcome.PASSED:
        outcome = max((*others, transfers), key=lambda other: other.severity)
    moved = [
        f"{gated.name} {_change(comparison)}"
        for gated, comparison in zip(GATED, comparisons, strict=True)
        if comparison.outcome is not Outcome.PASSED
    ]
    causes = program_causes.causes(now, before)
    if not moved:
        step = f"modelled step time {signed_percent(comparisons[0].change)}"
        reason = f"{step}; what differs: {'; '.join(causes)}" if causes else "the program is the same"
        return Verdict(outcome, reason, comparisons)
    reason = f"for each device: {', '.join(moved)}"
    if causes:
        reason += f"; because of {'; '.join(causes)}"
    if outcome is Outcome.IMPROVED:
        reason += ": update the baseline with --accel-update-baselines"
    return Verdict(outcome, reason, comparisons)


def _compared(
    gated: GatedMetric, now: ProgramFacts, before: ProgramFacts, memory_bytes: int, tolerance: float
) -> Comparison:
    new, old = gated.of(now), gated.of(before)
    tolerance = 0.0 if gated.is_exact else tolerance
    change = new / old - 1 if old else float(new > 0)
    outcome = Outcome.PASSED
    if abs(change) > tolerance and abs(new - old) > gated.minimum(memory_bytes):
        outcome = Outcome.REGRESSED if change > 0 else Outcome.IMPROVED
    return Comparison(
        metric=gated.metric,
        baseline=old,
        now=new,
        change=change,
        interval=(change, change),
        confidence=1.0,
        tolerance=tolerance,
        direction="lower_is_better",
        outcome=outcome,
    )


def _change(comparison: Comparison) -> str:
    if not comparison.baseline or comparison.metric == "host_transfers":
        return f"{comparison.baseline:,.0f} -> {comparison.now:,.0f}"
    return signed_percent(comparison.change)
