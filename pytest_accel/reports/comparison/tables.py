"""The tables of a comparison, as text: throughput by batch, accuracy with its time and cost, bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_accel.analysis.formatting import one_line
from pytest_accel.analysis.metrics.cost import SECONDS_AN_HOUR
from pytest_accel.records import Price
from pytest_accel.reports.comparison.rows import Accuracy, CompiledRow, Configuration, Results, ThroughputRow

SETTING = ("hardware", "software", "workload", "data", "precision", "batch")
SPEED = (*SETTING, "examples/s", "per USD/h", "price")
ACCURACY = (*SETTING, "best top-1", "target", "epochs", "hours", "USD", "price")
BOUND = (*SETTING, "modelled/s", "estimate/s", "measured/s", "of modelled", "of estimate")
TEXTS = {"hardware", "software", "workload", "data", "precision", "price"}


def tables(sources: Iterable[Results]) -> str:
    """The rows of all sources: the same work and batch beside each other, in the order of the sources."""
    sources = list(sources)
    speeds = sorted((row for source in sources for row in source.speeds), key=lambda row: _work(row.setting))
    accuracies = sorted(
        (row for source in sources for row in source.accuracies),
        key=lambda row: (_work(row.setting), row.target),
    )
    bounds = sorted((row for source in sources for row in source.bounds), key=lambda row: _work(row.setting))
    parts = [
        _table("Throughput", SPEED, [_speed(row) for row in speeds]),
        _table("Accuracy", ACCURACY, [_accuracy(row) for row in accuracies]),
        _table("Compiled only", BOUND, [_bound(row, speeds) for row in bounds]),
    ]
    return "\n\n".join(part for part in parts if part)


def _work(setting: Configuration) -> tuple[str, str, int]:
    return setting.workload, setting.dataset, -setting.global_batch


def _setting(at: Configuration) -> list[str]:
    return [at.hardware, at.software, at.workload, at.dataset, at.precision, str(at.global_batch)]


def _speed(row: ThroughputRow) -> list[str]:
    return [*_setting(row.setting), _number(row.throughput), _number(row.per_usd_per_hour), _price(row.price)]


def _accuracy(row: Accuracy) -> list[str]:
    hours = None if row.time_to_target_s is None else row.time_to_target_s / SECONDS_AN_HOUR
    shares = [f"{100 * share:.1f}%" for share in (row.best_top1, row.target)]
    numbers = [_number(number) for number in (row.epochs_to_target, hours, row.cost_to_target_usd)]
    return [*_setting(row.setting), *shares, *numbers, _price(row.price)]


def _bound(row: CompiledRow, speeds: Sequence[ThroughputRow]) -> list[str]:
    """With the fastest that was measured of the same work on such hardware."""
    measured = max(
        (speed.throughput for speed in speeds if row.setting.same_work(speed.setting)), default=None
    )
    bounds = (row.modelled_throughput, row.estimated_throughput)
    shares = [measured / bound if measured and bound else None for bound in bounds]
    return [
        *_setting(row.setting),
        *map(_number, (*bounds, measured)),
        *("-" if share is None else f"{share:.0%}" for share in shares),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _price(price: Price | None) -> str:
    if price is None:
        return "-"
    return f"{price.usd_per_hour:.2f} USD/h" + (f", {price.name}" if price.name else "")


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    from tabulate import tabulate

    align = ["left" if header in TEXTS else "right" for header in headers]
    cells = [[one_line(cell) for cell in row] for row in rows]
    return f"{title}\n{tabulate(cells, headers, disable_numparse=True, colalign=align)}"
