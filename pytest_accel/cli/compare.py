"""``pytest-accel compare``: results side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_accel.baselines.catalog import PUBLISHED
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.cli import CommandResult
from pytest_accel.records import Baseline
from pytest_accel.records.json_codec import encode
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_reader import load
from pytest_accel.reports.comparison import from_baselines, from_report, published, side_by_side
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.comparison.side_by_side import Side
from pytest_accel.reports.comparison.tables import tables

RESULTS = "a report of --accel-json, a hardware's folder, or published results"


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "compare",
        parents=[shared],
        help="show results side by side: throughput, accuracy, time and cost",
        description="Show results side by side: how step times changed, throughput by batch size, accuracy, "
        "and time and cost to the target accuracy. A report of --accel-against has both sides in it.",
        epilog="examples:\n  pytest-accel compare old.json new.json\n  pytest-accel compare against.json\n"
        "  pytest-accel compare report.json published/riseml-2018-04",
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        sources = [_source(source, options.baselines) for source in options.sources]
        results = [source.results for source in sources]
        changed = side_by_side.changes([side for source in sources for side in source.sides])
        parts = [side_by_side.table(changed), tables(results)]
        text = "\n\n".join(part for part in parts if part) or "nothing in these results was measured"
        return CommandResult(text, {"changes": encode(changed), "results": encode(results)})
    except ArithmeticError as error:
        raise UserError(f"these results have numbers that nothing can be computed from ({error})") from None


class _Source(NamedTuple):
    """What is compared: rows, and runs whose step times are."""

    results: Results
    sides: Sequence[Side] = ()


def _source(source: str, baselines: Path) -> _Source:
    folder = baselines / source
    if folder.is_dir() and folder.resolve().parent == baselines.resolve():
        return _of_hardware(folder.resolve().name, baselines)
    path = _file(source, baselines)
    data = load(path, RESULTS)
    try:
        if "publisher" in data:
            return _Source(published.results(data))
        return _Source(from_report.results(data), from_report.sides(data, source))
    except UserError as error:
        raise UserError(f"{path}: {error}. Give {RESULTS}") from None


def _of_hardware(name: str, baselines: Path) -> _Source:
    if name == PUBLISHED:
        raise UserError(f"{baselines / name} has no baselines: name one of its files, {PUBLISHED}/NAME")
    found = []
    for _, baseline in BaselineStore.for_directory(baselines / name).load_all():
        if isinstance(baseline, Baseline):
            found.append(baseline)
        else:
            print(f"pytest-accel: left out: {baseline}", file=sys.stderr)
    return _Source(from_baselines.results(name, found), [from_baselines.side(name, found)])


def _file(source: str, baselines: Path) -> Path:
    """The file itself, or by its name among the published ones."""
    named = baselines / f"{source}.json"
    return named if not Path(source).exists() and named.exists() else Path(source)
