"""The numbers of a benchmark, from the observations of its runs. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_accel.records import Steps, Workload


def run_step_time_s(run: Steps) -> float:
    """Step time of one run: the fastest of its blocks, in seconds.

    Other load on a machine only ever adds time, so the fastest block is what varies least between
    processes: a standard deviation of 1.5 to 1.8% between sessions on two shared cores, where the median
    varied by 11 to 18% (docs/error-rates.md).
    """
    return min(run.step_times_s)


def step_time_s(runs: Sequence[Steps]) -> float:
    """Step time over several runs, in seconds: the geometric mean, since the rules work in logarithms."""
    return statistics.geometric_mean(run_step_time_s(run) for run in runs)


def summary(workload: Workload, runs: Sequence[Steps]) -> dict[str, float]:
    """All metrics of a benchmark by name; units are in the names, ``throughput`` is in examples / s.

    Metrics that no run has are left out. Empty without a run.
    """
    if not runs:
        return {}
    step_time = step_time_s(runs)
    numbers: dict[str, float] = {
        "throughput": workload.examples_per_step / step_time,
        "step_time_s": step_time,
        "median_step_time_s": statistics.median(time for run in runs for time in run.step_times_s),
        "startup_time_s": statistics.median(run.startup_time_s for run in runs),
        "build_time_s": statistics.median(run.build_time_s for run in runs),
        "compile_time_s": statistics.median(run.compile_time_s for run in runs),
        "warmup_time_s": statistics.median(run.warmup_time_s for run in runs),
    }
    if all(run.hosts_step_time_s for run in runs):
        numbers |= of_hosts(runs)
    memory = [run.peak_memory_bytes for run in runs if run.peak_memory_bytes is not None]
    if memory:
        numbers["peak_memory_bytes"] = max(memory)
    losses = [run.losses[-1] for run in runs if run.losses]
    if losses:
        numbers["final_loss"] = losses[-1]
    return numbers


def of_hosts(runs: Sequence[Steps]) -> dict[str, float]:
    """The step time of the slowest host, and how much longer that is than the fastest's, as a share."""
    slowest_s, fastest_s = (
        statistics.geometric_mean(extreme(run.hosts_step_time_s) for run in runs) for extreme in (max, min)
    )
    return {"slowest_host_step_time_s": slowest_s, "host_step_time_spread": slowest_s / fastest_s - 1}
