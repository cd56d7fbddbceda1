"""The ``pytest-accel`` command: work with what sessions have left behind.

Exit code 0, 1 for what differs or needs attention, or 2 for what cannot be done as asked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_accel.cli import (
    CommandResult,
    calibrate,
    compare,
    doctor,
    export,
    history,
    init,
    list_baselines,
    prune,
    pytest_settings,
    show,
)
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_writer import finite
from pytest_accel.worker.provenance import version

USAGE_ERROR = 2
INTERRUPTED = 130  # as a shell has it

COMMANDS = (init, list_baselines, show, history, compare, export, prune, calibrate, doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # argparse takes what stands after -- for positional arguments only where no option comes before it.
    split = given.index("--") if "--" in given else len(given)
    of_command, of_pytest = given[:split], given[split + 1 :]
    options = parser().parse_args(of_command if "calibrate" in of_command else given)
    if "calibrate" in of_command:
        options.arguments += of_pytest
    try:
        if "baselines" in options and options.baselines is None:
            options.baselines = pytest_settings.baselines_folder(Path())
        answer: CommandResult = options.answer(options)
    except UserError as error:
        print(f"pytest-accel: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    text = json.dumps(finite(answer.data), indent=2, allow_nan=False) if options.json else answer.text
    return answer.code if _printed(text) else USAGE_ERROR


def _printed(text: str) -> bool:
    """Print ``text``, tolerating characters that cannot be encoded and a closed pipe."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except OSError as error:
        # What is still to be written would be complained of once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"pytest-accel: cannot print: {error.strerror or error}", file=sys.stderr)
            return False
    return True


def parser() -> argparse.ArgumentParser:
    """The command line of ``pytest-accel``."""
    main = argparse.ArgumentParser(
        prog="pytest-accel", description="Inspect and manage pytest-accel baselines and results."
    )
    main.add_argument("--version", action="version", version=f"%(prog)s {version('pytest-accel')}")
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print JSON")
    shared.add_argument(
        "--baselines",
        type=Path,
        metavar="DIR",
        help="directory of baselines and published results (default: accel_baselines of pytest's settings, "
        "or else baselines)",
    )
    for command in COMMANDS:
        command.add(commands, shared)
    return main


if __name__ == "__main__":
    sys.exit(main())
