"""What a session measured, from its JSON report (``--accel-json``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accel.compare.rows import Accuracy, Bound, Results, Setting, Speed
from pytest_accel.records import Accelerator, Scalar
from pytest_accel.reports.reading import ReportedBenchmark, report


def results(data: Mapping[str, Any]) -> Results:
    """The rows of a report; a benchmark that measured nothing has none.

    Raises CodecError that names the field.
    """
    session = report(data)
    speeds, accuracies, bounds = [], [], []
    for benchmark in session.benchmarks:
        throughput, best_top1 = benchmark.metrics.get("throughput"), benchmark.metrics.get("best_top1")
        roofline_throughput = benchmark.metrics.get("roofline_throughput")
        if benchmark.workload is None:
            continue
        setting = _setting(session.accelerator, benchmark, benchmark.workload)
        if roofline_throughput is not None:
            estimated = benchmark.metrics.get("estimated_throughput")
            bounds.append(Bound(setting, roofline_throughput, estimated))
        if throughput is None:
            continue
        speeds.append(Speed(setting, throughput, session.price))
        target = benchmark.workload.get("target")
        if best_top1 is not None and isinstance(target, int | float):
            accuracies.append(
                Accuracy(
                    setting,
                    best_top1,
                    target,
                    benchmark.metrics.get("epochs_to_target"),
                    benchmark.metrics.get("time_to_target_s"),
                    session.price,
                )
            )
    return Results(tuple(speeds), tuple(accuracies), tuple(bounds))


def _setting(
    accelerator: Accelerator, benchmark: ReportedBenchmark, workload: Mapping[str, Scalar]
) -> Setting:
    framework = str(workload.get("framework"))
    version = benchmark.provenance.get(framework)
    several = f"{accelerator.devices}x " if accelerator.devices > 1 else ""
    batch = workload.get("examples_per_step")
    return Setting(
        hardware=f"{several}{accelerator.model}",
        software=framework if version is None else f"{framework} {version}",
        workload=benchmark.nodeid if workload.get("name") == "measure" else str(workload.get("name")),
        dataset=str(workload.get("dataset", "synthetic")),
        precision=str(workload.get("precision", "-")),
        global_batch=batch if isinstance(batch, int) else 0,
        identity=accelerator.identity.removeprefix("aot-"),
    )
