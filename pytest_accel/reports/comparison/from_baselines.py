"""What is accepted of one hardware, from its folder of baselines."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_accel.records import Baseline, Kind, Steps
from pytest_accel.reports.comparison import from_metrics
from pytest_accel.reports.comparison.from_metrics import BenchmarkMetrics
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.comparison.side_by_side import Side, Timed


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


def side(hardware: str, baselines: Iterable[Baseline]) -> Side:
    """The runs in force. Hardware whose name does not say its kind is taken for a CPU, which varies most."""
    kinds = [kind for kind in Kind if hardware.removeprefix("aot-").startswith(f"{kind}-")]
    timed = {
        baseline.benchmark: Timed(
            baseline.workload.hash, [run for run in baseline.current.runs if isinstance(run, Steps)]
        )
        for baseline in baselines
    }
    benchmarks = {name: one for name, one in timed.items() if one.runs}
    return Side(hardware, kinds[0] if kinds else Kind.CPU, benchmarks)
