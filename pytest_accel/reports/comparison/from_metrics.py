"""The rows of what pytest-accel itself measured, or compiled, from its numbers by name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_accel.records import Price, Scalar
from pytest_accel.reports.comparison.rows import Accuracy, CompiledRow, Configuration, Results, ThroughputRow


@dataclass(frozen=True)
class BenchmarkMetrics:
    """One benchmark: its metrics, and the target of top-1 if it trains to one."""

    setting: Configuration
    metrics: Mapping[str, float | None]
    target: Scalar
    price: Price | None


def results(benchmarks: Iterable[BenchmarkMetrics]) -> Results:
    """A benchmark without a throughput, measured or bounded, has no row."""
    speeds: list[ThroughputRow] = []
    accuracies: list[Accuracy] = []
    bounds: list[CompiledRow] = []
    for benchmark in benchmarks:
        roofline, throughput = (
            benchmark.metrics.get("modelled_throughput"),
            benchmark.metrics.get("throughput"),
        )
        if roofline is not None:
            bounds.append(
                CompiledRow(benchmark.setting, roofline, benchmark.metrics.get("estimated_throughput"))
            )
        if throughput is not None:
            speeds.append(ThroughputRow(benchmark.setting, throughput, benchmark.price))
            accuracies += _accuracies(benchmark)
    return Results(tuple(speeds), tuple(accuracies), tuple(bounds))


def setting(
    *,
    hardware: str,
    identity: str,
    benchmark: str,
    workload: Mapping[str, Scalar],
    provenance: Mapping[str, str],
) -> Configuration:
    """``workload`` has all its fields; a step of the user's own goes by its ``benchmark``."""
    framework = str(workload.get("framework"))
    version = provenance.get(framework)
    batch = workload.get("examples_per_step")
    return Configuration(
        hardware=hardware,
        software=framework if version is None else f"{framework} {version}",
        workload=benchmark if workload.get("name") == "measure" else str(workload.get("name")),
        dataset=str(workload.get("dataset", "-" if workload.get("name") == "measure" else "synthetic")),
        precision=str(workload.get("precision", "-")),
        global_batch=batch if isinstance(batch, int) else 0,
        identity=identity.removeprefix("aot-"),
    )


def _accuracies(one: BenchmarkMetrics) -> Iterable[Accuracy]:
    best_top1 = one.metrics.get("best_top1")
    if best_top1 is not None and isinstance(one.target, int | float):
        epochs, time_s = (one.metrics.get(name) for name in ("epochs_to_target", "time_to_target_s"))
        yield Accuracy(one.setting, best_top1, one.target, epochs, time_s, one.price)
