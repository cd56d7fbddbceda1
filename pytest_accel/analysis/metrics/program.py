"""The numbers of a program that was compiled and did not run, and the bounds that hardware sets. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.analysis.hlo import collectives, loop_iterations
from pytest_accel.records import ProgramFacts, Workload


@dataclass(frozen=True)
class Limits:
    """What one device can do at most; FLOP/s are in bfloat16."""

    flops_per_s: float
    memory_bytes_per_s: float
    memory_bytes: int


def summary(workload: Workload, facts: ProgramFacts, limits: Limits) -> dict[str, float]:
    """All metrics by name, of one device; ``roofline_throughput`` is in examples / s over all of them."""
    compute_time_s, memory_time_s = roofline_s(facts, limits)
    roofline_step_time_s = max(compute_time_s, memory_time_s)
    reduced = collectives(facts.operations)
    numbers = {
        "flops": facts.flops,
        "bytes_accessed": facts.bytes_accessed,
        "peak_memory_bytes": float(facts.peak_memory_bytes),
        "peak_memory_share": facts.peak_memory_bytes / limits.memory_bytes,
        "generated_code_bytes": float(facts.generated_code_bytes),
        "collectives": float(reduced.count),
        "collective_bytes": float(reduced.bytes),
        "loop_iterations": float(loop_iterations(facts.loops)),
        **{
            name.replace(" ", "_"): float(facts.operations[name].count)
            for name in ("convolutions", "convolution fusions", "other fusions", "copies", "custom calls")
            if name in facts.operations
        },
        "compute_time_s": compute_time_s,
        "memory_time_s": memory_time_s,
        "roofline_step_time_s": roofline_step_time_s,
        "roofline_throughput": workload.examples_per_step / roofline_step_time_s,
        "startup_time_s": facts.startup_time_s,
        "build_time_s": facts.build_time_s,
        "compile_time_s": facts.compile_time_s,
    }
    if facts.estimated_step_time_s is not None:
        numbers["estimated_step_time_s"] = facts.estimated_step_time_s
        numbers["estimated_throughput"] = workload.examples_per_step / facts.estimated_step_time_s
    return numbers


def roofline_s(facts: ProgramFacts, limits: Limits) -> tuple[float, float]:
    """Seconds to compute at the peak, which no step is faster than, and to move the bytes at full bandwidth.

    Williams et al., "Roofline: An Insightful Visual Performance Model" (2009): the longer is the roofline.
    XLA counts an access to on-chip memory as one to the device's memory, so the second may be more than a
    real step takes.
    """
    return facts.flops / limits.flops_per_s, facts.bytes_accessed / limits.memory_bytes_per_s
