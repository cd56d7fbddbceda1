"""The ``pytest-accel`` command: work with what sessions have left behind.

Exit code 0, or 2 for what cannot be done as asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_accel.codec import CodecError
from pytest_accel.compare import published, session_report
from pytest_accel.compare.rows import Results
from pytest_accel.compare.tables import tables

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        found = tables(_results(source, options.baselines) for source in options.sources)
        print(found or "nothing in these results was measured")
    except ValueError as error:
        print(f"pytest-accel: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pytest-accel", description="Work with results of pytest-accel.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="show results side by side: throughput, accuracy, time and cost",
        description="Show results side by side: throughput by batch, accuracy, time and cost to a target.",
    )
    compare.add_argument(
        "sources",
        nargs="+",
        metavar="RESULTS",
        help="a report (--accel-json), or results that others published, such as published/riseml-2018-04",
    )
    compare.add_argument(
        "--baselines",
        type=Path,
        default=Path("baselines"),
        metavar="DIR",
        help="where published results lie (default: baselines)",
    )
    return parser


def _results(source: str, baselines: Path) -> Results:
    """Raises ValueError for a file that is not there or is neither a report nor published results."""
    path = _file(source, baselines)
    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise CodecError("top level", "an object expected")
        return published.results(data) if "publisher" in data else session_report.results(data)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply to be results") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}. Give a report of --accel-json, or published results") from None


def _file(source: str, baselines: Path) -> Path:
    """The file itself, or by its name among the published ones."""
    named = baselines / f"{source}.json"
    return named if not Path(source).exists() and named.exists() else Path(source)
