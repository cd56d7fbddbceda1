"""The plots of one benchmark."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pytest_accel.analysis.formatting import label, percent, quantity
from pytest_accel.records import AcceptedEntry, Curve, Observation, Result, Steps
from pytest_accel.reports.common.table import METRICS_WITHOUT_COMPARISON
from pytest_accel.reports.html.figure import Figure, Trace, short

MAX_BLOCKS = 60
"""Blocks of a run that are drawn, the fastest one always."""


def of_benchmark(result: Result) -> list[Figure]:
    """All that there is to draw of one benchmark."""
    reference = result.reference_runs or (result.history[-1].runs if result.history else ())
    side = "other" if result.reference_runs else "baseline"
    found = [
        changes(result),
        step_times(result.runs, reference, side),
        *curves(result, reference),
        drift(result),
    ]
    return [figure for figure in found if figure is not None]


def changes(result: Result) -> Figure | None:
    """How far each metric is from its baseline, with its interval and its tolerance."""
    compared = [comparison for comparison in result.verdict.comparisons if math.isfinite(comparison.change)]
    if not compared:
        return None
    names = [label(one.metric) for one in compared]
    percents = [100 * one.change for one in compared]
    bounds = [[100 * end for end in one.interval] for one in compared]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "role": "now",
        "x": percents,
        "y": names,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - at for at, (_, high) in zip(percents, bounds, strict=True)],
            "arrayminus": [at - low for at, (low, _) in zip(percents, bounds, strict=True)],
        },
    }
    tolerated = [
        {"type": "rect", "xref": "x", "x0": -100 * one.tolerance, "x1": 100 * one.tolerance,
         "yref": "y", "y0": index - 0.4, "y1": index + 0.4, "line": {"width": 0}, "layer": "below"}
        for index, one in enumerate(compared)
    ]  # fmt: skip
    rows = [
        (label(one.metric), f"{percent(one.change)}%",
         " to ".join(f"{percent(end)}%" for end in one.interval), f"{100 * one.tolerance:g}%")
        for one in compared
    ]  # fmt: skip
    return Figure(
        "Changes",
        "The change of each metric in percent with its interval; the band is its tolerance.",
        [trace],
        {"xaxis": {"title": {"text": "change, %"}, "zeroline": True}, "shapes": tolerated},
        ("metric", "change", "interval", "tolerance"),
        rows,
    )


def step_times(
    now: Sequence[Observation], reference: Sequence[Observation], side: str = "baseline"
) -> Figure | None:
    """The step times of all blocks, a row per run; the fastest block, which is compared, stands out."""
    groups = [(side, "baseline", reference), ("now", "now", now)]
    runs = [
        (f"{name} {number}", role, run)
        for name, role, group in groups
        for number, run in enumerate(group, 1)
        if isinstance(run, Steps)
    ]
    if not runs:
        return None
    traces, rows = [], []
    for number, (name, role, run) in enumerate(runs):
        times_ms = sorted(1000 * time for time in run.step_times_s)
        low, middle, high = statistics.quantiles(times_ms, n=4) if len(times_ms) > 1 else times_ms * 3
        drawn = times_ms[:: math.ceil(len(times_ms) / MAX_BLOCKS)]
        traces.append({
            "type": "scatter", "mode": "markers", "role": role, "name": name, "showlegend": False,
            "x": [short(time_ms) for time_ms in drawn], "y": [number] * len(drawn),
            "marker": {"symbol": "line-ns-open", "size": [16, *[9] * (len(drawn) - 1)],
                       "line": {"width": [3, *[1] * (len(drawn) - 1)]}},
        })  # fmt: skip
        numbers = (times_ms[0], low, middle, high, times_ms[-1])
        rows.append((name, str(len(times_ms)), *(f"{number:.4g}" for number in numbers)))
    return Figure(
        "Step times",
        "Step times of the blocks of each run in ms; the fastest block is what is compared.",
        traces,
        {"xaxis": {"title": {"text": "step time, ms"}, "rangemode": "normal"},
         "yaxis": {"tickmode": "array", "tickvals": list(range(len(runs))),
                   "ticktext": [name for name, _, _ in runs], "range": [len(runs) - 0.5, -0.5],
                   "showgrid": False, "zeroline": False}},
        ("run", "blocks", "fastest, ms", "25%", "median", "75%", "slowest"),
        rows,
    )  # fmt: skip


def curves(result: Result, reference: Sequence[Observation]) -> list[Figure]:
    """Top-1 by epoch: all seeds, the band of the baseline's, the target; and the last epochs once more."""
    now = [run for run in result.runs if isinstance(run, Curve)]
    if not now:
        return []
    before = [run for run in reference if isinstance(run, Curve)]
    target = result.workload.parameters.get("target") if result.workload else None
    length = max(len(run.epochs) for run in now)
    traces = [*_band(before), *map(_curve, now)]
    if isinstance(target, int | float):
        line = {"x": [1, length], "y": [100 * target] * 2, "name": "target"}
        traces.append({"type": "scatter", "mode": "lines", "role": "target", **line})
    header = ("epoch", *(f"seed {run.seed}" for run in now))
    rows = [(str(number + 1), *(_top1(run, number) for run in now)) for number in range(length)]
    layout = {"xaxis": {"title": {"text": "epoch"}}, "yaxis": {"title": {"text": "top-1, %"}}}
    words = "Top-1 after each epoch, a line a seed; the band is between the baseline's seeds."
    figures = [Figure("Top-1 by epoch", words, traces, layout, header, rows)]
    last = max(1, length - length // 4)
    if last > 2:
        seen = [100 * epoch.top1 for run in (*now, *before) for epoch in run.epochs[last - 1 :]]
        room = 0.1 * (max(seen) - min(seen)) + 0.1
        zoomed = {
            "xaxis": {**layout["xaxis"], "range": [last - 0.2, length + 0.2]},
            "yaxis": {**layout["yaxis"], "range": [min(seen) - room, max(seen) + room]},
        }
        figures.append(Figure("The last epochs", words, traces, zoomed, header, rows[last - 1 :]))
    return figures


def drift(result: Result) -> Figure | None:
    """The main metric over all that was accepted, and now."""
    metric = next((name for name in METRICS_WITHOUT_COMPARISON if result.metrics.get(name) is not None), None)
    if metric is None or not result.history:
        return None
    accepted = [(_day(entry), entry.summary[metric]) for entry in result.history if metric in entry.summary]
    now = result.metrics[metric]
    if not accepted or now is None:
        return None
    points = [*accepted, ("now", now)]
    first = points[0][1]
    traces = [
        {"type": "scatter", "mode": "lines+markers", "role": "baseline", "name": "accepted",
         "x": list(range(len(accepted))), "y": [short(value) for _, value in accepted]},
        {"type": "scatter", "mode": "markers", "role": "now", "name": "this session, not accepted",
         "x": [len(accepted)], "y": [short(now)]},
    ]  # fmt: skip
    ticks = {
        "tickmode": "array", "tickvals": list(range(len(points))), "ticktext": [day for day, _ in points]
    }  # fmt: skip
    rows = [
        (day, quantity(metric, value), f"{percent(value / first - 1)}%" if first else "-")
        for day, value in points
    ]
    return Figure(
        "Accepted so far",
        f"{label(metric)} of every accepted entry, the oldest first, and of this session.",
        traces,
        {"xaxis": ticks, "yaxis": {"title": {"text": _axis_title(metric)}, "rangemode": "tozero"}},
        ("accepted", label(metric), "against the first"),
        rows,
    )


def _axis_title(metric: str) -> str:
    """The metric and the unit of the plot."""
    for suffix, unit in (("_s", "s"), ("_bytes", "bytes"), ("_usd", "USD")):
        if metric.endswith(suffix):
            return f"{label(metric)}, {unit}"
    return label(metric)


def _band(runs: Sequence[Curve]) -> list[Trace]:
    """Between the lowest and the highest of the baseline's seeds."""
    if not runs:
        return []
    length = min(len(run.epochs) for run in runs)
    epochs = list(range(1, length + 1))
    by_epoch = [[_percents(run)[number] for run in runs] for number in range(length)]
    edges = [[min(values) for values in by_epoch], [max(values) for values in by_epoch]]
    return [
        {"type": "scatter", "mode": "lines", "role": "band", "x": epochs, "y": edges[0], "showlegend": False},
        {"type": "scatter", "mode": "lines", "role": "band", "x": epochs, "y": edges[1], "fill": "tonexty",
         "name": "baseline's seeds"},
    ]  # fmt: skip


def _curve(run: Curve) -> Trace:
    epochs = list(range(1, len(run.epochs) + 1))
    return {
        "type": "scatter", "mode": "lines+markers", "role": "now", "name": f"seed {run.seed}",
        "x": epochs, "y": _percents(run),
    }  # fmt: skip


def _percents(run: Curve) -> list[float]:
    return [short(100 * epoch.top1) for epoch in run.epochs]


def _top1(run: Curve, number: int) -> str:
    return quantity("top1", run.epochs[number].top1) if number < len(run.epochs) else "-"


def _day(entry: AcceptedEntry) -> str:
    return entry.time[:10]
