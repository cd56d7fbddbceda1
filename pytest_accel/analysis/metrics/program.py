"""The numbers of a program that was compiled and did not run. Pure."""

from __future__ import annotations

from pytest_accel.analysis.hlo.exchanges import COLLECTIVES
from pytest_accel.analysis.hlo.operations import HOST_TRANSFERS
from pytest_accel.records import Operations, ProgramFacts, Workload


def summary(workload: Workload, facts: ProgramFacts, memory_bytes: int) -> dict[str, float]:
    """All metrics by name, of one device with this memory; throughputs (examples / s) are of all devices."""
    exchanged = collectives(facts)
    numbers = {
        "flops": facts.flops,
        "bytes_accessed": facts.bytes_accessed,
        "peak_memory_bytes": float(facts.peak_memory_bytes),
        "peak_memory_share": facts.peak_memory_bytes / memory_bytes,
        "generated_code_bytes": float(facts.generated_code_bytes),
        "collectives": float(exchanged.count),
        "collective_bytes": float(exchanged.exchanged_bytes),
        "host_transfers": float(host_transfers(facts)),
        "loop_iterations": float(loop_iterations(facts)),
        "startup_time_s": facts.startup_time_s,
        "build_time_s": facts.build_time_s,
        "compile_time_s": facts.compile_time_s,
    }
    for name, step_time_s in (
        ("modelled", facts.modelled_step_time_s),
        ("estimated", facts.estimated_step_time_s),
    ):
        if step_time_s is not None:
            numbers[f"{name}_step_time_s"] = step_time_s
            numbers[f"{name}_throughput"] = workload.examples_per_step / step_time_s
    return numbers


def collectives(facts: ProgramFacts) -> Operations:
    """All exchanges between devices together."""
    found = [facts.operations[name] for name in COLLECTIVES if name in facts.operations]
    return Operations(
        count=sum(one.count for one in found),
        bytes=sum(one.bytes for one in found),
        exchanged_bytes=sum(one.exchanged_bytes for one in found),
        time_s=sum(one.time_s for one in found),
    )


def host_transfers(facts: ProgramFacts) -> int:
    """How often a step sends something to the host, or waits for something from there."""
    return facts.operations[HOST_TRANSFERS].count if HOST_TRANSFERS in facts.operations else 0


def loop_iterations(facts: ProgramFacts) -> int:
    """Of all loops together; one that does not count to a constant is taken to run once."""
    return sum(1 if count is None else count for count in facts.loops)
