"""The verdict on a compiled program. What the compiler says is exact, so a change is a change. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_accel.analysis.hlo import CATEGORIES, collectives, loop_iterations
from pytest_accel.records import Comparison, Operations, Outcome, ProgramFacts, Verdict

TOLERANCE = 0.005
"""Relative; a program that grows by less is taken to be the same."""


@dataclass(frozen=True)
class GatedMetric:
    """A number of a program that is compared; less is better."""

    metric: str
    of: Callable[[ProgramFacts], float]
    name: str


# The size of the code is not among them: it is part of peak memory, and a program may need more code to use
# less memory.
GATED = (
    GatedMetric("flops", lambda facts: facts.flops, "FLOPs"),
    GatedMetric("bytes_accessed", lambda facts: facts.bytes_accessed, "bytes accessed"),
    GatedMetric("peak_memory_bytes", lambda facts: facts.peak_memory_bytes, "peak memory"),
    GatedMetric("collectives", lambda facts: collectives(facts.operations).count, "collectives"),
    GatedMetric(
        "collective_bytes", lambda facts: collectives(facts.operations).bytes, "bytes of collectives"
    ),
    GatedMetric("loop_iterations", lambda facts: loop_iterations(facts.loops), "loop iterations"),
)


def judge(now: ProgramFacts, before: ProgramFacts) -> Verdict:
    """What the program has become, and which operations are more or fewer."""
    comparisons = tuple(_compared(gated, gated.of(now), gated.of(before)) for gated in GATED)
    worst = max((comparison.outcome for comparison in comparisons), key=lambda outcome: outcome.severity)
    changed = [
        f"{gated.name} {_change(comparison)}"
        for gated, comparison in zip(GATED, comparisons, strict=True)
        if comparison.outcome is not Outcome.PASSED
    ]
    operations = changed_operations(now, before)
    if worst is Outcome.PASSED:
        reason = "the program is the same" + (f", but for {'; '.join(operations)}" if operations else "")
        return Verdict(worst, reason, comparisons)
    reason = f"for each device: {', '.join(changed)}"
    if operations:
        reason += f"; in the program: {'; '.join(operations)}"
    if worst is Outcome.IMPROVED:
        reason += ": update the baseline with --accel-update-baselines"
    return Verdict(worst, reason, comparisons)


def changed_operations(now: ProgramFacts, before: ProgramFacts) -> tuple[str, ...]:
    """A phrase for every category of operations that changed, those that grew most first."""
    none = Operations(0, 0)
    pairs = [(name, before.operations.get(name, none), now.operations.get(name, none)) for name in CATEGORIES]
    differing = [(name, old, new) for name, old, new in pairs if old != new]
    differing.sort(key=lambda change: change[1].bytes - change[2].bytes)
    return tuple(
        f"{name} {old.count} -> {new.count} ({new.bytes - old.bytes:+,} bytes)"
        for name, old, new in differing
    )


def _compared(gated: GatedMetric, now: float, before: float) -> Comparison:
    change = now / before - 1 if before else float(now > 0)
    outcome = Outcome.PASSED
    if abs(change) > TOLERANCE:
        outcome = Outcome.REGRESSED if change > 0 else Outcome.IMPROVED
    return Comparison(
        metric=gated.metric,
        baseline=before,
        now=now,
        change=change,
        interval=(change, change),
        confidence=1.0,
        tolerance=TOLERANCE,
        direction="lower_is_better",
        outcome=outcome,
    )


def _change(comparison: Comparison) -> str:
    if not comparison.baseline:
        return f"0 -> {comparison.now:,.0f}"
    return f"{100 * comparison.change:+.1f}%"
