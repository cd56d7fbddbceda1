"""``pytest-accel export``: a session's report in the format of another tool."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_accel.cli import CommandResult
from pytest_accel.records.json_codec import CodecError
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common import atomic_write
from pytest_accel.reports.common.json_reader import Report, load, report
from pytest_accel.reports.exports import bencher, mllog, openmetrics, tensorboard

TEXTS: dict[str, Callable[[Report], str]] = {
    "bencher": bencher.text,
    "mllog": mllog.text,
    "openmetrics": openmetrics.text,
}
"""Formats that are one text."""

FOLDERS: dict[str, Callable[[Report, Path], str]] = {"tensorboard": tensorboard.write}
"""Formats that are a directory of files; the functions return the command that shows it."""

FORMATS = (*TEXTS, *FOLDERS)
REPORT = "a report of --accel-json"


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "export",
        help=f"convert a JSON report to another tool's format: {', '.join(FORMATS)}",
        description="Convert a JSON report written by --accel-json to another tool's format.",
    )
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("report", type=Path, metavar="REPORT", help="JSON report written by --accel-json")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="write to PATH instead of standard output; a directory for tensorboard",
    )
    parser.set_defaults(answer=answer, json=False)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError for a file that is not a report, a package that is missing, or a failing disk."""
    read = _report(options.report)
    try:
        if options.format in FOLDERS:
            return _folder(options.format, read, options.output)
        text = TEXTS[options.format](read)
    except ArithmeticError as error:
        raise UserError(f"{options.report} has numbers that cannot be exported ({error})") from None
    except ModuleNotFoundError as error:
        raise UserError(
            f'{options.format} needs {error.name}, which is not installed: pip install "pytest-accel[export]"'
        ) from None
    if options.output is None:
        return CommandResult(text.removesuffix("\n"), None)
    atomic_write.write(options.output, text, "--output")
    return CommandResult(f"wrote {options.output}", None)


def _folder(name: str, read: Report, folder: Path | None) -> CommandResult:
    if folder is None:
        raise UserError(f"{name} reads a directory: name it with --output=DIR")
    try:
        command = FOLDERS[name](read, folder)
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {error.strerror or error}") from None
    return CommandResult(f"wrote {folder}: {command}", None)


def _report(path: Path) -> Report:
    data = load(path, REPORT)
    try:
        return report(data)
    except CodecError as error:
        raise UserError(f"{path}: {error}. Give {REPORT}") from None
