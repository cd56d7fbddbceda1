"""What a session measured, from its JSON report (``--accel-json``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accel.reports.common.json_reader import report
from pytest_accel.reports.comparison import from_metrics
from pytest_accel.reports.comparison.from_metrics import BenchmarkMetrics
from pytest_accel.reports.comparison.rows import Results


def results(data: Mapping[str, Any]) -> Results:
    """The rows of a report; a benchmark that measured nothing has none.

    Raises CodecError that names the field.
    """
    session = report(data)
    here = session.accelerator
    hardware = f"{here.devices}x {here.model}" if here.devices > 1 else here.model
    return from_metrics.results(
        BenchmarkMetrics(
            from_metrics.setting(
                hardware=hardware,
                identity=here.identity,
                benchmark=benchmark.nodeid,
                workload=benchmark.workload,
                provenance=benchmark.provenance,
            ),
            benchmark.metrics,
            benchmark.workload.get("target"),
            session.price,
        )
        for benchmark in session.benchmarks
        if benchmark.workload is not None
    )
