"""How the gate handles programs that are only compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pytest_accel.analysis.metrics import program
from pytest_accel.analysis.metrics.program import Limits
from pytest_accel.analysis.rules import program as rules_program
from pytest_accel.gate.benchmark_kind import BenchmarkKind
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Accelerator, Baseline, ProgramFacts, Run, Verdict, Workload

GATED_FOR_DRIFT = ("flops", "bytes_accessed", "peak_memory_bytes")


class CompiledProgram(BenchmarkKind):
    """Judges what a compiler said of a program for ``accelerator``, which was not there."""

    def __init__(self, accelerator: Accelerator) -> None:
        assert accelerator.topology is not None
        chosen = slice_named(accelerator.topology)
        self._limits = Limits(
            chosen.device_flops_per_s, chosen.device_memory_bytes_per_s, chosen.device_memory_bytes
        )

    def summary(self, workload: Workload, runs: Sequence[Run]) -> dict[str, float]:
        return program.summary(workload, runs[-1].program, self._limits)

    def judge(self, baseline: Baseline, runs: Sequence[Run], *, may_take_more: bool) -> Verdict:
        return rules_program.judge(runs[-1].program, _facts(baseline))

    def workload_differences(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """A program of another partitioning is another program."""
        before, now = _facts(baseline).partitioning, runs[-1].program.partitioning
        return () if before == now else (f"partitioning {before!r} -> {now!r}",)

    def notes(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """What the numbers leave out."""
        loops = runs[-1].program.loops
        if not loops:
            return ()
        counts = ", ".join("an unknown number of" if count is None else str(count) for count in loops)
        return (
            f"the program has loops ({counts} iterations): FLOPs, bytes accessed and collectives count each "
            "loop body once, and loop iterations are reported separately",
        )

    def drift(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """How far the program has come since the first accepted entry, where there is more than one."""
        if len(baseline.accepted) < 2:
            return ()
        now = self.summary(runs[-1].workload, runs)
        first = baseline.anchor.runs[-1]
        changes = {name: now[name] / getattr(first, name) - 1 for name in GATED_FOR_DRIFT}
        drifted = [
            f"{name.replace('_', ' ')} {100 * change:+.1f}%"
            for name, change in changes.items()
            if abs(change) > rules_program.TOLERANCE
        ]
        if not drifted:
            return ()
        return (f"against the first of {len(baseline.accepted)} accepted baselines: {', '.join(drifted)}",)


def _facts(baseline: Baseline) -> ProgramFacts:
    return cast("ProgramFacts", baseline.current.runs[-1])
