"""The plots of a whole session, beside what others published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pytest_accel.analysis.formatting import one_line, quantity
from pytest_accel.reports.comparison.rows import Configuration, Results
from pytest_accel.reports.html.figure import Figure, short


def of_session(sources: Sequence[Results]) -> list[Figure]:
    """All that there is to draw of a session, the first of ``sources``, and of what others published."""
    found = [
        throughput(sources),
        _bars(sources, "Throughput for the price", "examples/s per USD/h", _for_money),
        _bars(sources, "Time to the target", "hours", _hours),
        _bars(sources, "Cost to the target", "USD", _cost),
    ]
    return [figure for figure in found if figure is not None]


def throughput(sources: Sequence[Results]) -> Figure | None:
    """Examples / s by global batch, a line for each hardware, software, data and precision."""
    lines: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for number, source in enumerate(sources):
        for speed in source.speeds:
            role = "now" if number == 0 else "published"
            point = (speed.setting.global_batch, speed.throughput)
            points = lines.setdefault((_named(speed.setting), role), [])
            if point not in points:  # published ones stand there once for each price
                points.append(point)
    if not any(role == "now" for _, role in lines):
        return None
    traces = [
        {"type": "scatter", "mode": "lines+markers", "role": role, "name": name,
         "x": [batch for batch, _ in sorted(points)], "y": [short(rate) for _, rate in sorted(points)]}
        for (name, role), points in lines.items()
    ]  # fmt: skip
    rows = [
        (name, str(batch), quantity("throughput", rate))
        for (name, _), points in lines.items()
        for batch, rate in sorted(points)
    ]
    return Figure(
        "Throughput by global batch",
        "Examples per second against the global batch, beside what others published.",
        traces,
        {"xaxis": {"title": {"text": "global batch"}, "type": "log"},
         "yaxis": {"title": {"text": "examples/s"}, "rangemode": "tozero"}},
        ("measured", "global batch", "throughput"),
        rows,
    )  # fmt: skip


def _bars(
    sources: Sequence[Results],
    title: str,
    unit: str,
    values: Callable[[Results], Iterable[tuple[str, float]]],
) -> Figure | None:
    bars = [
        (name, "now" if number == 0 else "published", value)
        for number, source in enumerate(sources)
        for name, value in values(source)
    ]
    if not any(role == "now" for _, role, _ in bars):
        return None
    traces = [
        {"type": "bar", "orientation": "h", "role": role, "name": role,
         "y": [name for name, group, _ in bars if group == role],
         "x": [short(value) for _, group, value in bars if group == role]}
        for role in ("now", "published")
    ]  # fmt: skip
    rows = [(name, f"{value:.4g}") for name, _, value in bars]
    words = f"{title} in {unit}, beside what others published."
    return Figure(title, words, traces, {"xaxis": {"title": {"text": unit}}}, ("measured", unit), rows)


def _for_money(source: Results) -> Iterable[tuple[str, float]]:
    for speed in source.speeds:
        if speed.per_usd_per_hour is not None and speed.price is not None:
            yield f"{_of_batch(speed.setting)}, {speed.price.usd_per_hour:g} USD/h", speed.per_usd_per_hour


def _hours(source: Results) -> Iterable[tuple[str, float]]:
    seen = set()
    for row in source.accuracies:
        if row.time_to_target_s is not None:
            name = f"{_of_batch(row.setting)}, {row.target:.1%}"
            if name not in seen:
                seen.add(name)
                yield name, row.time_to_target_s / 3600


def _cost(source: Results) -> Iterable[tuple[str, float]]:
    for row in source.accuracies:
        if row.cost_to_target_usd is not None and row.price is not None:
            name = f"{_of_batch(row.setting)}, {row.target:.1%}, {row.price.usd_per_hour:g} USD/h"
            yield name, row.cost_to_target_usd


def _named(at: Configuration) -> str:
    facts = (at.hardware, at.software, at.workload, at.dataset, at.precision)
    return one_line(", ".join(facts))


def _of_batch(at: Configuration) -> str:
    return f"{_named(at)}, global batch {at.global_batch}"
