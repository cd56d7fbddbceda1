"""How the gate handles programs that are only compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pytest_accel.analysis import formatting
from pytest_accel.analysis.metrics import program
from pytest_accel.analysis.rules import program as rules_program
from pytest_accel.gate.benchmark_kind import BenchmarkKind, GateContext
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Baseline, Outcome, ProgramFacts, Run, Verdict, Workload


class CompiledProgram(BenchmarkKind):
    """Judges what a compiler said of a program for an accelerator that was not there."""

    def __init__(self, context: GateContext) -> None:
        topology = context.accelerator.topology
        assert topology is not None
        self._memory_bytes = slice_named(topology).device_memory_bytes
        self._tolerance = context.settings.tolerance_for(context.accelerator.kind)

    def summary(self, workload: Workload, runs: Sequence[Run]) -> dict[str, float]:
        return program.summary(workload, runs[-1].program, self._memory_bytes)

    def judge(self, baseline: Baseline, runs: Sequence[Run], *, may_take_more: bool) -> Verdict:
        return rules_program.judge(runs[-1].program, _facts(baseline), self._memory_bytes, self._tolerance)

    def workload_differences(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """A program of another partitioning is another program; one without a model has no step time."""
        before, now = _facts(baseline), runs[-1].program
        differences = []
        if before.partitioning != now.partitioning:
            differences.append(f"partitioning {before.partitioning!r} -> {now.partitioning!r}")
        if before.modelled_step_time_s is None:
            differences.append("no modelled step time, since an older pytest-accel recorded it")
        return tuple(differences)

    def notes(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """What the numbers leave out."""
        unknown = sum(count is None for count in runs[-1].program.loops)
        if not unknown:
            return ()
        loops = formatting.count(unknown, "loop")
        return (f"{loops} of the program may run any number of times, and counts as one iteration",)

    def drift(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """How far the program has come since the first accepted entry, where there is more than one."""
        first = cast("ProgramFacts", baseline.anchor.runs[-1])
        if len(baseline.accepted) < 2 or first.modelled_step_time_s is None:
            return ()
        verdict = rules_program.judge(runs[-1].program, first, self._memory_bytes, self._tolerance)
        drifted = [
            f"{formatting.label(one.metric)} {formatting.percent(one.change)}%"
            for one in verdict.comparisons
            if one.outcome is not Outcome.PASSED
        ]
        if not drifted:
            return ()
        return (f"against the first of {len(baseline.accepted)} accepted baselines: {', '.join(drifted)}",)


def _facts(baseline: Baseline) -> ProgramFacts:
    return cast("ProgramFacts", baseline.current.runs[-1])
