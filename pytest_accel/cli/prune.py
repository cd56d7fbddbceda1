"""``pytest-accel prune``: remove the baselines of tests that no longer exist."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pytest_accel.baselines import naming
from pytest_accel.baselines.catalog import Stored, load_all
from pytest_accel.cli import DIFFERS, CommandResult
from pytest_accel.cli.baseline_selection import fault_lines, heading
from pytest_accel.cli.collect_tests import collected
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "prune",
        parents=[shared],
        help="remove baselines of tests that no longer exist",
        description="Remove baselines whose tests no longer exist, after confirmation. Run it in pytest's "
        "rootdir. Exits with 1 if any such baseline is kept, or if a file cannot be read.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError if the tests cannot be collected, or a file cannot be removed."""
    stored, faults = load_all(options.baselines)
    gone, unknown = _sorted(stored, options.baselines)
    lines_of_gone = [f"{heading(one)}: {one.path}" for one in gone]
    removed = bool(gone) and (options.yes or (not options.json and _agreed(lines_of_gone)))
    if removed:
        _remove(gone)
    broken, code = fault_lines(faults)
    lines = [
        *(lines_of_gone if options.yes or not _asks() else []),
        _summary(len(gone), removed),
        *(
            f"{count} stay: {file} was not collected here, so its tests are not known"
            for file, count in unknown
        ),
        *broken,
    ]
    data: dict[str, Any] = {
        "gone": [str(one.path) for one in gone],
        "removed": removed,
        "not_collected": [file for file, _ in unknown],
        "broken": list(faults),
    }
    return CommandResult("\n".join(lines), data, DIFFERS if gone and not removed else code)


def _summary(gone: int, removed: bool) -> str:
    if not gone:
        return "every baseline belongs to a test"
    return f"{gone} removed" if removed else f"{gone} to be removed: add --yes"


def _asks() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _agreed(names: Iterable[str]) -> bool:
    if not _asks():
        return False
    print("No test belongs to these baselines:", *names, sep="\n")
    print("Remove them? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _sorted(stored: Iterable[Stored], baselines: Path) -> tuple[list[Stored], list[tuple[str, int]]]:
    """Those without a test; and files whose tests are not known here, with how many baselines they have.

    Parameters may depend on the kind of accelerator, so tests are collected as for each.
    """
    stored = list(stored)
    rootdir = Path.cwd()
    home = naming.home_of_names(baselines.absolute(), rootdir)
    places = {_file(one): Path(os.path.normpath(home / _file(one))) for one in stored}
    # Earlier versions named tests from rootdir, wherever the baselines lay.
    there = {path for file, place in places.items() for path in (place, rootdir / file) if path.is_file()}
    here = sorted(path.relative_to(rootdir).as_posix() for path in there if path.is_relative_to(rootdir))
    if stored and not here:
        raise UserError("none of the files that the baselines name is here: call this in pytest's rootdir")
    by_kind = [collected(here, kind, baselines) for kind in Kind] if here else []
    tests = frozenset[str]().union(*(found.names for found in by_kind))
    read = {rootdir / file for found in by_kind for file in found.files}
    without = [one for one in stored if not _exists(one, tests)]
    # What lies outside of rootdir may be known by another name where it is at home.
    known = {
        file
        for file, place in places.items()
        if place.is_relative_to(rootdir) and (place in read or not place.is_file())
    }
    gone = [one for one in without if _file(one) in known]
    stay = Counter(_file(one) for one in without if _file(one) not in known)
    return gone, sorted(stay.items())


def _exists(stored: Stored, tests: Collection[str]) -> bool:
    """Whether its test does, or may with parameters that are not seen here.

    Those of another machine if the name of the hardware is one of the user's own, which does not tell its
    kind; and any if there are none here, as where they come from files that are elsewhere.
    """
    benchmark = stored.baseline.benchmark
    same = [name for name in tests if _without_parameters(name) == _without_parameters(benchmark)]
    return benchmark in same or any(_is_own_name(stored.hardware) or "[NOTSET" in name for name in same)


def _file(stored: Stored) -> str:
    return stored.baseline.benchmark.partition("::")[0]


def _is_own_name(hardware: str) -> bool:
    return hardware.removeprefix("aot-").partition("-")[0] not in list(Kind)


def _without_parameters(nodeid: str) -> str:
    file, separator, test = nodeid.partition("::")
    return file + separator + test.partition("[")[0]


def _remove(gone: Iterable[Stored]) -> None:
    for stored in gone:
        try:
            stored.path.unlink()
        except OSError as error:
            raise UserError(f"cannot remove {stored.path}: {error.strerror or error}") from None
        with contextlib.suppress(OSError):  # others are in that folder
            stored.path.parent.rmdir()
