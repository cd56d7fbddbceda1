"""``pytest-accel show``: all that is accepted of a benchmark now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from pytest_accel.analysis.formatting import label, one_line, quantity
from pytest_accel.baselines.catalog import Stored
from pytest_accel.cli import CommandResult
from pytest_accel.cli.baseline_selection import add_choice, chosen, fault_lines, heading, main_metrics
from pytest_accel.records import Baseline
from pytest_accel.records.json_codec import encode
from pytest_accel.reports.common.json_writer import workload_fields


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "show",
        parents=[shared],
        help="show the current baseline of a benchmark: workload, metrics and versions",
        description="Show the current baseline of a benchmark: its workload, metrics and versions.",
    )
    add_choice(parser)
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError if there is no such baseline."""
    found, faults = chosen(options)
    broken, code = fault_lines(faults)
    text = "\n\n".join("\n".join(_lines(one)) for one in found)
    return CommandResult("\n".join([text, *broken]), [_data(one) for one in found], code)


def _lines(stored: Stored) -> Iterator[str]:
    from tabulate import tabulate

    baseline, latest = stored.baseline, stored.baseline.current
    yield heading(stored)
    main = main_metrics(latest.summary)
    others = sorted(latest.summary.keys() - {*main})
    facts = {
        **{label(name): quantity(name, latest.summary[name]) for name in main},
        "accepted": latest.time,
        "runs": str(len(latest.runs)),
        "earlier baselines": _earlier(baseline),
        "file": str(stored.path),
        **{label(name): quantity(name, latest.summary[name]) for name in others},
        **{f"work: {name}": str(value) for name, value in workload_fields(baseline.workload).items()},
        **{f"with: {name}": version for name, version in sorted(latest.provenance.items())},
    }
    rows = [(one_line(name), one_line(text)) for name, text in facts.items()]
    yield tabulate(rows, tablefmt="plain", disable_numparse=True)


def _earlier(baseline: Baseline) -> str:
    number = len(baseline.accepted) - 1
    return f"{number}, the first of {baseline.anchor.time}" if number else "none"


def _data(stored: Stored) -> dict[str, Any]:
    return {
        "hardware": stored.hardware,
        "file": str(stored.path),
        "benchmark": stored.baseline.benchmark,
        "workload": encode(workload_fields(stored.baseline.workload)),
        "in_force": encode(stored.baseline.current),
    }
