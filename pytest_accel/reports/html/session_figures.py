"""The plots of a whole session, beside what others published."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from pytest_accel.analysis.formatting import label, one_line, percent, quantity
from pytest_accel.records import Comparison, Outcome, Result
from pytest_accel.reports.common.table import short_names
from pytest_accel.reports.comparison.rows import Configuration, Results
from pytest_accel.reports.html.figure import Figure, Trace, short

MAX_CHANGES = 60
"""Changes that are drawn, the worst ones; the table below the plot has all."""


def of_session(sources: Sequence[Results], ordered: Sequence[Result]) -> list[Figure]:
    """All that there is to draw of a session, the first of ``sources``, and of what others published.

    ``ordered`` are its benchmarks, the worst first.
    """
    found = [
        changes(ordered),
        throughput(sources),
        _bars(sources, "Throughput for the price", "examples/s per USD/h", _for_money),
        _bars(sources, "Time to the target", "hours", _hours),
        _bars(sources, "Cost to the target", "USD", _cost),
    ]
    return [figure for figure in found if figure is not None]


def changes(ordered: Sequence[Result]) -> Figure | None:
    """Every change with its interval and its tolerance, on one axis, the worst first."""
    names = short_names([result.nodeid for result in ordered])
    compared = [
        (_change_name(name, one, result), one)
        for name, result in zip(names, ordered, strict=True)
        for one in result.verdict.comparisons
        if all(map(math.isfinite, (one.change, *one.interval)))
    ]
    if not compared:
        return None
    drawn = compared[:MAX_CHANGES]
    traces = [
        _changes_of(role, [(row, one) for row, (_, one) in enumerate(drawn) if _role(one) == role])
        for role in ("bad", "doubtful", "good")
    ]
    tolerated = [
        {"type": "rect", "xref": "x", "x0": short(-100 * one.tolerance), "x1": short(100 * one.tolerance),
         "yref": "y", "y0": row - 0.4, "y1": row + 0.4, "line": {"width": 0}, "layer": "below"}
        for row, (_, one) in enumerate(drawn)
    ]  # fmt: skip
    ticks = {
        "tickmode": "array", "tickvals": list(range(len(drawn))), "ticktext": [name for name, _ in drawn],
        "range": [len(drawn) - 0.5, -0.5], "showgrid": False, "zeroline": False,
    }  # fmt: skip
    rows = [
        (name, one.outcome.value, f"{percent(one.change)}%",
         " to ".join(f"{percent(end)}%" for end in one.interval), f"{100 * one.tolerance:g}%")
        for name, one in compared
    ]  # fmt: skip
    return Figure(
        "All changes",
        "The change of each benchmark in percent with its interval, worst first; the band is its tolerance.",
        [trace for trace in traces if trace["x"]],
        {"xaxis": {"title": {"text": "change, %"}, "zeroline": True}, "yaxis": ticks, "shapes": tolerated},
        ("benchmark", "outcome", "change", "interval", "tolerance"),
        rows,
    )


def _change_name(name: str, one: Comparison, result: Result) -> str:
    """The metric is named where a benchmark has several."""
    return one_line(name if len(result.verdict.comparisons) == 1 else f"{name}: {label(one.metric)}")


def _changes_of(role: str, some: Sequence[tuple[int, Comparison]]) -> Trace:
    return {
        "type": "scatter", "mode": "markers", "role": role, "name": ROLE_NAMES[role],
        "x": [short(100 * one.change) for _, one in some],
        "y": [row for row, _ in some],
        "error_x": {
            "type": "data", "symmetric": False,
            "array": [short(100 * (one.interval[1] - one.change)) for _, one in some],
            "arrayminus": [short(100 * (one.change - one.interval[0])) for _, one in some],
        },
    }  # fmt: skip


ROLE_NAMES = {"bad": "fails", "doubtful": "undecided", "good": "within tolerance, better or recorded"}


def _role(one: Comparison) -> str:
    if one.outcome.fails(strict=False):
        return "bad"
    return "doubtful" if one.outcome.fails(strict=True) or one.outcome is Outcome.SKIPPED else "good"


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
    if all(role != "now" or len(points) < 2 for (_, role), points in lines.items()):
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
