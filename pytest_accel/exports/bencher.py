"""Bencher Metric Format, for ``bencher run --adapter json``.

Source: bencher.dev/docs/reference/bencher-metric-format.
"""

from __future__ import annotations

import json

from pytest_accel.reports.reading import Report, ReportedBenchmark

LONGEST_NAME = 1024


def text(report: Report) -> str:
    """Every metric of every benchmark that was measured, with the bounds of its interval where it has one."""
    measured = {
        benchmark.nodeid[:LONGEST_NAME]: _measures(benchmark)
        for benchmark in report.benchmarks
        if _measures(benchmark)
    }
    return json.dumps(measured, indent=2, allow_nan=False) + "\n"


def _measures(benchmark: ReportedBenchmark) -> dict[str, dict[str, float]]:
    compared = {comparison.metric: comparison for comparison in benchmark.comparisons}
    measures = {}
    for metric, value in benchmark.metrics.items():
        if value is None:
            continue
        measure = {"value": value}
        if metric in compared:
            bounds = sorted(compared[metric].baseline * (1 + end) for end in compared[metric].interval)
            measure |= {"lower_value": min(value, bounds[0]), "upper_value": max(value, bounds[1])}
        measures[metric.replace("_", "-")] = measure
    return measures
