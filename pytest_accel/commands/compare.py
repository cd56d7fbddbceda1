"""``pytest-accel compare``: results side by side."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_accel.codec import CodecError, encode
from pytest_accel.commands import Answer
from pytest_accel.compare import published, session_report
from pytest_accel.compare.rows import Results
from pytest_accel.compare.tables import tables


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "compare",
        parents=[shared],
        help="show results side by side: throughput, accuracy, time and cost",
        description="Show results side by side: throughput by batch, accuracy, time and cost to a target.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="RESULTS",
        help="a report (--accel-json), or results that others published, such as published/riseml-2018-04",
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> Answer:
    """Raises ValueError for a file that is not there or is neither a report nor published results."""
    found = [_results(source, options.baselines) for source in options.sources]
    return Answer(tables(found) or "nothing in these results was measured", encode(found))


def _results(source: str, baselines: Path) -> Results:
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
