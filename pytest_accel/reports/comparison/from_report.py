"""What a session measured, from its JSON report (``--accel-json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accel.records import Observation, Steps
from pytest_accel.reports.common.json_reader import report
from pytest_accel.reports.comparison import from_metrics
from pytest_accel.reports.comparison.from_metrics import BenchmarkMetrics
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.comparison.side_by_side import Side, Timed


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


def sides(data: Mapping[str, Any], name: str) -> list[Side]:
    """The runs of a report; of a comparison of two environments those of the other one come first.

    Raises CodecError that names the field.
    """
    session = report(data)
    kind = session.accelerator.kind

    def side(name: str, runs: Mapping[str, tuple[object, Sequence[Observation]]]) -> Side:
        timed = {
            nodeid: Timed(work, [run for run in some if isinstance(run, Steps) and _is_usable(run)])
            for nodeid, (work, some) in runs.items()
        }
        return Side(name, kind, {nodeid: one for nodeid, one in timed.items() if one.runs})

    measured = [benchmark for benchmark in session.benchmarks if benchmark.workload is not None]
    here = side(name, {one.nodeid: (_work(one.workload), one.runs) for one in measured})
    other = side(
        f"{name} (other)", {one.nodeid: (_work(one.workload), one.reference_runs) for one in measured}
    )
    return [other, here] if other.benchmarks else [here]


def _is_usable(run: Steps) -> bool:
    """A report may have been written by anything."""
    return bool(run.step_times_s) and min(run.step_times_s) > 0


def _work(workload: Mapping[str, Any] | None) -> object:
    return None if workload is None else workload.get("hash")
