"""``pytest-accel history``: all that was accepted of a benchmark, where it changed and how far it drifted."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from typing import Any

from pytest_accel.analysis import provenance_diff
from pytest_accel.analysis.formatting import label, one_line, percent, quantity
from pytest_accel.analysis.rules import variance
from pytest_accel.analysis.rules.change_points import change_points
from pytest_accel.baselines.catalog import Stored
from pytest_accel.cli import CommandResult
from pytest_accel.cli.baseline_selection import add_choice, chosen, fault_lines, heading, main_metrics
from pytest_accel.records import Baseline, Kind

TIMES = ("step_time_s", "time_to_target_s")
"""Metrics that vary as runs do."""

EXACT = ("modelled_step_time_s", "flops", "bytes_accessed")
"""Those that a compiler knows: any change is one."""

COLUMNS = (
    "accepted",
    "metric",
    "value",
    "against the last",
    "against the first",
    "level",
    "changed since the last",
)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "history",
        parents=[shared],
        help="show every baseline a benchmark has had, and what changed between them",
        description="Show every baseline that a benchmark has had, oldest first, with the total drift.",
    )
    add_choice(parser)
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError if there is no such baseline."""
    found, faults = chosen(options)
    broken, code = fault_lines(faults)
    return CommandResult(
        "\n".join(["\n\n".join(map(_table, found)), *broken]), [_data(one) for one in found], code
    )


def _table(stored: Stored) -> str:
    from tabulate import tabulate

    rows = [
        (
            entry["accepted"],
            label(metric),
            quantity(metric, value["value"]),
            _percent(value["against_last"]),
            _percent(value["against_first"]),
            "new" if value["change_point"] else "",
            one_line(", ".join(entry["changes"])) if metric == next(iter(entry["metrics"])) else "",
        )
        for entry in _entries(stored)
        for metric, value in entry["metrics"].items()
    ]
    return f"{heading(stored)}\n{tabulate(rows, COLUMNS, disable_numparse=True)}"


def _data(stored: Stored) -> dict[str, Any]:
    return {
        "hardware": stored.hardware,
        "file": str(stored.path),
        "benchmark": stored.baseline.benchmark,
        "accepted": list(_entries(stored)),
    }


def _entries(stored: Stored) -> Iterator[dict[str, Any]]:
    """Each accepted entry, oldest first, with its main metrics; changes are relative, 0.05 is 5% more."""
    first = last = None
    new_levels = _new_levels(stored.baseline, _kind(stored.hardware))
    for index, entry in enumerate(stored.baseline.accepted):
        first = first or entry
        yield {
            "accepted": entry.time,
            "metrics": {
                name: {
                    "value": entry.summary[name],
                    "against_last": _change(last.summary.get(name), entry.summary[name]) if last else None,
                    "against_first": _change(first.summary.get(name), entry.summary[name]) if last else None,
                    "change_point": (name, index) in new_levels,
                }
                for name in main_metrics(entry.summary)
            },
            "changes": list(provenance_diff.changes(last.provenance, entry.provenance)) if last else [],
        }
        last = entry


def _new_levels(baseline: Baseline, kind: Kind) -> set[tuple[str, int]]:
    """The metrics that changed for more than noise, with the indices of the entries where they did."""
    between_sessions = variance.MIN_RUN_SD[kind] * math.hypot(1, variance.SESSION_SD_RATIO)
    noise = dict.fromkeys(TIMES, between_sessions) | dict.fromkeys(EXACT, 0.0)
    found = set()
    for name, sd in noise.items():
        seen = [
            (i, entry.summary[name]) for i, entry in enumerate(baseline.accepted) if name in entry.summary
        ]
        if all(value > 0 for _, value in seen):
            points = change_points([value for _, value in seen], sd)
            found |= {(name, seen[point][0]) for point in points}
    return found


def _kind(hardware: str) -> Kind:
    """By the name of a baseline folder; what somebody named otherwise is taken to vary as CPUs do."""
    return next((kind for kind in Kind if hardware.startswith(f"{kind}-")), Kind.CPU)


def _change(before: float | None, now: float) -> float | None:
    return now / before - 1 if before else None


def _percent(change: float | None) -> str:
    return "-" if change is None else f"{percent(change)}%"
