"""OpenMetrics text, for Prometheus and what reads its format. Needs prometheus-client."""

from __future__ import annotations

from pytest_accel.reports.common.json_reader import Report

PREFIX = "pytest_accel"
UNITS = {"s": "seconds", "bytes": "bytes", "usd": "usd"}
LABELS = ("benchmark", "hardware", "framework")


def text(report: Report) -> str:
    """A gauge for each metric, with a sample for each benchmark; and its outcome."""
    from prometheus_client import CollectorRegistry, Gauge
    from prometheus_client.openmetrics.exposition import generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    outcomes = Gauge(f"{PREFIX}_outcome", "Outcome of a benchmark", (*LABELS, "outcome"), registry=registry)
    for benchmark in report.benchmarks:
        framework = str((benchmark.workload or {}).get("framework", ""))
        labels = (benchmark.nodeid, report.accelerator.identity, framework)
        outcomes.labels(*labels, benchmark.outcome).set(1)
        for metric, value in benchmark.metrics.items():
            if value is None:
                continue
            if metric not in gauges:
                name, unit = _name(metric)
                gauges[metric] = Gauge(name, metric, LABELS, unit=unit, registry=registry)
            gauges[metric].labels(*labels).set(value)
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


def _name(metric: str) -> tuple[str, str]:
    """The name, which ends with its unit where it has one, spelt as Prometheus does."""
    stem, _, last = metric.rpartition("_")
    unit = UNITS.get(last, "")
    return f"{PREFIX}_{stem if unit else metric}", unit
