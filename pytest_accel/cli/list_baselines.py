"""``pytest-accel list``: which baselines there are."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_accel.analysis.formatting import one_line
from pytest_accel.baselines.catalog import Stored, load_all
from pytest_accel.cli import CommandResult
from pytest_accel.cli.baseline_selection import fault_lines, main_metrics, shown, versions

COLUMNS = ("hardware", "framework", "benchmark", "accepted", "entries", "with", "main number")


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "list",
        parents=[shared],
        help="list baselines with their hardware, date and versions",
        description="List the baselines. Exits with 1 if one of them cannot be read.",
    )
    parser.add_argument("--hardware", metavar="NAME", help="only those of this hardware")
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError for a folder that cannot be read."""
    from tabulate import tabulate

    stored, faults = load_all(options.baselines)
    lines, code = fault_lines(faults)
    stored = [one for one in stored if options.hardware in (None, one.hardware)]
    rows = [_row(one) for one in stored]
    table = tabulate(rows, COLUMNS, disable_numparse=True) if rows else f"no baselines in {options.baselines}"
    data: dict[str, Any] = {"baselines": [_data(one) for one in stored], "broken": list(faults)}
    return CommandResult("\n".join([table, *lines]), data, code)


def _row(stored: Stored) -> tuple[str, ...]:
    baseline = stored.baseline
    latest = baseline.current
    metrics = main_metrics(latest.summary)[:1]
    return (
        one_line(stored.hardware),
        one_line(baseline.workload.framework),
        one_line(baseline.benchmark),
        latest.time[:10],
        str(len(baseline.accepted)),
        one_line(versions(latest.provenance)),
        ", ".join(shown(name, latest.summary[name]) for name in metrics),
    )


def _data(stored: Stored) -> dict[str, Any]:
    baseline = stored.baseline
    return {
        "hardware": stored.hardware,
        "framework": baseline.workload.framework,
        "benchmark": baseline.benchmark,
        "file": str(stored.path),
        "entries": len(baseline.accepted),
        "accepted": baseline.current.time,
        "provenance": dict(baseline.current.provenance),
        "summary": dict(baseline.current.summary),
    }
