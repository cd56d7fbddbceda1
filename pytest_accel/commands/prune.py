"""``pytest-accel prune``: remove the baselines of tests that no longer exist."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pytest_accel.commands import DIFFERS, Answer
from pytest_accel.commands.stored import heading
from pytest_accel.records import Kind
from pytest_accel.stores.everything import Stored, everything


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "prune",
        parents=[shared],
        help="remove baselines of tests that no longer exist",
        description="Remove baselines of tests that no longer exist; asks first. To be called in pytest's "
        "rootdir. Exit code 1 if there are such and they stay.",
    )
    parser.add_argument("--yes", action="store_true", help="remove them without asking")
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> Answer:
    """Raises ValueError if the tests cannot be collected, or a file cannot be removed."""
    stored, _ = everything(options.baselines)
    gone = _gone(stored)
    names = [f"{heading(one)}: {one.path}" for one in gone]
    if not gone:
        return Answer("every baseline belongs to a test", {"gone": [], "removed": False})
    removed = options.yes or (not options.json and _agreed(names))
    if removed:
        _remove(gone)
    text = "\n".join([*names, f"{len(gone)} removed" if removed else f"{len(gone)} to be removed: add --yes"])
    data: dict[str, Any] = {"gone": [str(one.path) for one in gone], "removed": removed}
    return Answer(text, data, 0 if removed else DIFFERS)


def _agreed(names: Iterable[str]) -> bool:
    print("No test belongs to these baselines:", *names, sep="\n", file=sys.stderr)
    if not sys.stdin.isatty():
        return False
    print("Remove them? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _gone(stored: Iterable[Stored]) -> list[Stored]:
    """Parameters may depend on the kind of accelerator: tests are collected for each kind that has baselines.

    Where the name of the hardware does not tell its kind, a test of any parameters keeps its baseline.
    """
    by_kind: dict[Kind | None, list[Stored]] = defaultdict(list)
    for one in stored:
        by_kind[_kind(one.hardware)].append(one)
    gone = []
    for kind, some in by_kind.items():
        files = sorted({one.baseline.benchmark.partition("::")[0] for one in some})
        there = _collected([file for file in files if Path(file).is_file()], kind)
        if kind is None:
            there = {_without_parameters(nodeid) for nodeid in there}
            gone += [one for one in some if _without_parameters(one.baseline.benchmark) not in there]
        else:
            gone += [one for one in some if one.baseline.benchmark not in there]
    return sorted(gone)


def _kind(hardware: str) -> Kind | None:
    word = hardware.removeprefix("aot-").partition("-")[0]
    return Kind(word) if word in list(Kind) else None


def _without_parameters(nodeid: str) -> str:
    file, separator, test = nodeid.partition("::")
    return file + separator + test.partition("[")[0]


def _collected(files: Collection[str], kind: Kind | None) -> set[str]:
    """Node ids of the tests in these files, as pytest itself finds them."""
    if not files:
        return set()
    asked = [] if kind is None else [f"--accel={kind}"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", *asked, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):  # 5: a file without tests
        raise ValueError(
            f"the tests cannot be collected ({' '.join(command[2:])}):\n{done.stdout}{done.stderr}"
        )
    return {line for line in done.stdout.splitlines() if "::" in line}


def _remove(gone: Iterable[Stored]) -> None:
    for one in gone:
        try:
            one.path.unlink()
        except OSError as error:
            raise ValueError(f"cannot remove {one.path}: {error.strerror or error}") from None
