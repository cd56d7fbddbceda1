"""``pytest-accel prune``: remove the baselines of tests that no longer exist. What may be alive stays."""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pytest_accel.baselines import naming
from pytest_accel.baselines.catalog import Stored, load_all
from pytest_accel.cli import DIFFERS, CommandResult
from pytest_accel.cli.baseline_selection import fault_lines, heading
from pytest_accel.cli.collect_tests import collected
from pytest_accel.hardware.version_control import git
from pytest_accel.records import Kind
from pytest_accel.records.files import is_file
from pytest_accel.records.user_error import UserError

NOT_COLLECTED = "{file} was not collected here, so its tests are not known"
LINKED = "{file} leads elsewhere, and links are not followed"
OTHER_PARAMETERS = (
    "{file} has their tests with other parameters, which may depend on the machine or on options; add "
    "--parameters to remove these, too"
)
IN_THE_SOURCE = "{file} still has the names of their tests, which were not collected"
MADE_ELSEWHERE = "{file} has tests that its text does not name, so some may be hidden here"
ELSEWHERE = "these baselines lie outside of this project, and {file} may belong to another one"
NOT_CHECKED_OUT = "{file} is known to Git, though it is not checked out"

MAKES_NAMES = {"globals", "locals", "vars", "exec", "eval", "setattr", "type"}
"""Functions with which a module can make tests that its text does not name."""


class Sorted(NamedTuple):
    """Baselines without a test: those to remove, and how many stay for each reason."""

    gone: Sequence[Stored]
    stay: Sequence[tuple[str, int]]


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "prune",
        parents=[shared],
        help="remove baselines of tests that no longer exist",
        description="Remove baselines whose tests no longer exist, after confirmation. Run it in pytest's "
        "rootdir. Exits with 1 if any such baseline is kept, or if a file cannot be read.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="name them, and remove nothing")
    parser.add_argument(
        "--parameters",
        action="store_true",
        help="also those of tests that exist, but not with these parameters",
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError if the tests cannot be collected, or a file cannot be removed."""
    stored, faults = load_all(options.baselines)
    gone, stay = _sorted(stored, options.baselines, parameters=options.parameters)
    lines_of_gone = [f"{heading(one)}: {one.path}" for one in gone]
    asks = not options.yes and not options.dry_run and not options.json and _can_ask()
    removed = bool(gone) and not options.dry_run and (options.yes or (asks and _agreed(lines_of_gone)))
    if removed:
        _remove(gone)
    broken, code = fault_lines(faults)
    lines = [
        *(() if asks else lines_of_gone),
        _summary(len(gone), removed, dry_run=options.dry_run),
        *(f"{count} stay: {reason}" for reason, count in stay),
        *broken,
    ]
    data: dict[str, Any] = {
        "gone": [str(one.path) for one in gone],
        "removed": removed,
        "stay": [{"reason": reason, "baselines": count} for reason, count in stay],
        "broken": list(faults),
    }
    return CommandResult("\n".join(lines), data, DIFFERS if gone and not removed else code)


def _summary(gone: int, removed: bool, *, dry_run: bool) -> str:
    if not gone:
        return "nothing to remove"
    if removed:
        return f"{gone} removed"
    return f"{gone} would be removed" if dry_run else f"{gone} to be removed: add --yes"


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _agreed(names: Iterable[str]) -> bool:
    print("No test belongs to these baselines:", *names, sep="\n")
    print("Remove them? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _sorted(stored: Sequence[Stored], baselines: Path, *, parameters: bool) -> Sorted:
    """Parameters may depend on the kind of accelerator, so tests are collected as for each."""
    rootdir = Path.cwd()
    home = naming.home_of_names(baselines.absolute(), rootdir)
    # Earlier versions named tests from rootdir, wherever the baselines lay.
    files = {one.path: _test_file(one.baseline.benchmark, (home, rootdir)) for one in stored}
    absent = [name for name, place in files.values() if place is None]
    tracked = _tracked(home, absent)
    is_ours = rootdir.is_relative_to(baselines.resolve().parent)
    there = {Path(os.path.normpath(place)) for _, place in files.values() if place is not None}
    here = sorted(path.relative_to(rootdir).as_posix() for path in there if path.is_relative_to(rootdir))
    if stored and not here:
        raise UserError("none of the files that the baselines name is here: call this in pytest's rootdir")
    by_kind = [collected(here, kind, baselines) for kind in Kind] if here else []
    tests = frozenset[str]().union(*(found.names for found in by_kind))
    read = {rootdir / file for found in by_kind for file in found.files}
    gone, reasons = [], []
    for one in stored:
        name, place = files[one.path]
        if one.baseline.benchmark in tests:
            continue
        if place is None:
            reason = _reason_of_absent(name, home, is_ours=is_ours, tracked=tracked)
        else:
            reason = _reason_to_stay(one, name, place, tests, read, home, parameters=parameters)
        if reason is None:
            gone.append(one)
        else:
            reasons.append(reason.format(file=name))
    linked = {one.path: _link(one.path, baselines) for one in gone}
    reasons += [LINKED.format(file=link) for link in linked.values() if link is not None]
    return Sorted([one for one in gone if linked[one.path] is None], sorted(Counter(reasons).items()))


def _test_file(benchmark: str, folders: Iterable[Path]) -> tuple[str, Path | None]:
    """The file in the name of a benchmark, and where it is. A folder may have ``::`` in its name."""
    parts = benchmark.split("::")
    names = ["::".join(parts[:end]) for end in range(1, len(parts))]
    found = ((name, folder / name) for folder in folders for name in names if is_file(folder / name))
    return next(found, (parts[0], None))


def _tracked(home: Path, names: Sequence[str]) -> frozenset[str]:
    """Which of these files a sparse checkout leaves out, and which folders above them are submodules."""
    asked = sorted({part for name in names for part in (name, *map(str, PurePosixPath(name).parents))})
    if not asked:
        return frozenset()
    listed = git(home, "--literal-pathspecs", "ls-files", "--stage", "-t", "-z", "--", *asked) or ""
    entries = [entry.partition("\t") for entry in listed.split("\0")]
    return frozenset(path for facts, _, path in entries if facts.startswith(("S ", "H 160000")))


def _reason_of_absent(file: str, home: Path, *, is_ours: bool, tracked: Collection[str]) -> str | None:
    """Why the baseline of a file that is not here may be alive, None if it cannot be."""
    place = home / file
    if not Path(os.path.normpath(place)).is_relative_to(Path.cwd()):
        return NOT_COLLECTED
    if not is_ours:
        return ELSEWHERE
    if os.path.islink(place):  # noqa: PTH114, pathlib raises for what may not be seen
        return LINKED
    known = {file, *map(str, PurePosixPath(file).parents)} & {*tracked}
    return NOT_CHECKED_OUT if known else None


def _reason_to_stay(
    one: Stored,
    file: str,
    place: Path,
    tests: Collection[str],
    read: Collection[Path],
    home: Path,
    *,
    parameters: bool,
) -> str | None:
    """Why a baseline without a test may be alive, None if it cannot be."""
    # What lies outside of rootdir may be known by another name where it is at home.
    if not Path(os.path.normpath(home / file)).is_relative_to(Path.cwd()):
        return NOT_COLLECTED
    if Path(os.path.normpath(place)) not in read:
        return NOT_COLLECTED
    same = [
        test for test in tests if _without_parameters(test) == _without_parameters(one.baseline.benchmark)
    ]
    if same:
        from_elsewhere = any("[NOTSET" in test for test in same)
        return None if parameters and not from_elsewhere else OTHER_PARAMETERS
    if any(_names_in_source(one.baseline.benchmark, file, place, tests)):
        return IN_THE_SOURCE
    return MADE_ELSEWHERE if _makes_names(place, one.baseline.benchmark.removeprefix(f"{file}::")) else None


def _names_in_source(benchmark: str, file: str, place: Path, tests: Collection[str]) -> Iterator[bool]:
    """Whether the source has the test, or its class without a single test: a condition may hide them here."""
    try:
        source = place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        yield True
        return
    *classes, function = _without_parameters(benchmark.removeprefix(f"{file}::")).split("::")
    names = [function]
    if classes and not any(test.startswith("::".join((file, *classes, ""))) for test in tests):
        names.append(classes[-1])
    for name in names:
        yield re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) is not None


def _makes_names(place: Path, test: str) -> bool:
    """Whether a module may have tests that its text does not name: imported, inherited or made by code."""
    try:
        tree = ast.parse(place.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # such as a file that a plugin collects
    classes = {*_without_parameters(test).split("::")[:-1]}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Name) and node.id in MAKES_NAMES:
            return True
        if isinstance(node, ast.ClassDef) and node.name in classes and (node.bases or node.keywords):
            return True
    return False


def _without_parameters(name: str) -> str:
    found = re.fullmatch(r"(.*?(?:::\w+)+)\[.*\]", name, re.DOTALL)
    return name if found is None else found[1]


def _link(path: Path, baselines: Path) -> Path | None:
    """What leads elsewhere on the way from the folder of the baselines to this file."""
    way = [path, *path.parents]
    return next((place for place in way[: way.index(baselines)] if place.is_symlink()), None)


def _remove(gone: Iterable[Stored]) -> None:
    for stored in gone:
        try:
            stored.path.unlink()
        except OSError as error:
            raise UserError(f"cannot remove {stored.path}: {error.strerror or error}") from None
        with contextlib.suppress(OSError):  # others are in that folder
            stored.path.parent.rmdir()
