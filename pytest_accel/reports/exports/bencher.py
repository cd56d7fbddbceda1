"""Bencher Metric Format, for ``bencher run --adapter json``.

Source: bencher.dev/docs/reference/bencher-metric-format.
"""

from __future__ import annotations

import json

from pytest_accel.reports.common.json_reader import Report, ReportedBenchmark, ReportedComparison

MAX_NAME_LENGTH = 1024


def text(report: Report) -> str:
    """Every metric of every benchmark that was measured, with the bounds of its interval where it has one."""
    measured = {
        benchmark.nodeid[:MAX_NAME_LENGTH]: _measures(benchmark)
        for benchmark in report.benchmarks
        if _measures(benchmark)
    }
    return json.dumps(measured, indent=2, allow_nan=False) + "\n"


def _measures(benchmark: ReportedBenchmark) -> dict[str, dict[str, float]]:
    compared = {comparison.metric: comparison for comparison in benchmark.comparisons}
    measures = {}
    for metric, value in benchmark.metrics.items():
        if value is not None:
            measures[metric.replace("_", "-")] = {"value": value, **_bounds(value, compared.get(metric))}
    return measures


def _bounds(value: float, compared: ReportedComparison | None) -> dict[str, float]:
    if compared is None or compared.baseline is None:
        return {}
    ends = [compared.baseline * (1 + end) for end in compared.interval if end is not None]
    return {"lower_value": min(value, *ends), "upper_value": max(value, *ends)} if len(ends) == 2 else {}
