"""What is accepted of one hardware, from its folder of baselines."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_accel.records import Baseline
from pytest_accel.reports.comparison import from_metrics
from pytest_accel.reports.comparison.from_metrics import BenchmarkMetrics
from pytest_accel.reports.comparison.rows import Results


def results(hardware: str, baselines: Iterable[Baseline]) -> Results:
    """The rows of what is in force; ``hardware`` is the name of the folder. A baseline has no price."""
    return from_metrics.results(
        BenchmarkMetrics(
            from_metrics.setting(
                hardware=hardware,
                identity=hardware,
                benchmark=baseline.benchmark,
                workload=baseline.workload.fields,
                provenance=baseline.current.provenance,
            ),
            baseline.current.summary,
            baseline.workload.parameters.get("target"),
            None,
        )
        for baseline in baselines
    )
