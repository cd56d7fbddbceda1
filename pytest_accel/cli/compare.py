"""``pytest-accel compare``: results side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pytest_accel.baselines.catalog import PUBLISHED, load_all
from pytest_accel.cli import CommandResult
from pytest_accel.records.json_codec import encode
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_reader import load
from pytest_accel.reports.comparison import from_baselines, from_report, published
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.comparison.tables import tables

RESULTS = "a report of --accel-json, a hardware's folder, or published results"


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "compare",
        parents=[shared],
        help="show results side by side: throughput, accuracy, time and cost",
        description="Show results side by side: throughput by batch size, accuracy, "
        "and time and cost to the target accuracy.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="RESULTS",
        help="a JSON report (--accel-json), a hardware directory under the baselines, or published results "
        "such as published/riseml-2018-04",
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError for a file that is not there or is neither a report nor published results."""
    try:
        results = [_results(source, options.baselines) for source in options.sources]
        return CommandResult(tables(results) or "nothing in these results was measured", encode(results))
    except ArithmeticError as error:
        raise UserError(f"these results have numbers that nothing can be computed from ({error})") from None


def _results(source: str, baselines: Path) -> Results:
    folder = baselines / source
    if folder.is_dir() and folder.resolve().parent == baselines.resolve():
        return _of_hardware(folder.resolve().name, baselines)
    path = _file(source, baselines)
    data = load(path, RESULTS)
    try:
        return published.results(data) if "publisher" in data else from_report.results(data)
    except UserError as error:
        raise UserError(f"{path}: {error}. Give {RESULTS}") from None


def _of_hardware(name: str, baselines: Path) -> Results:
    stored, faults = load_all(baselines)
    for fault in faults:
        if fault.startswith(str(baselines / name)):
            print(f"pytest-accel: left out: {fault}", file=sys.stderr)
    if name == PUBLISHED:
        raise UserError(f"{baselines / name} has no baselines: name one of its files, {PUBLISHED}/NAME")
    return from_baselines.results(name, (one.baseline for one in stored if one.hardware == name))


def _file(source: str, baselines: Path) -> Path:
    """The file itself, or by its name among the published ones."""
    named = baselines / f"{source}.json"
    return named if not Path(source).exists() and named.exists() else Path(source)
