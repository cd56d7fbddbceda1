"""Updates of a baseline that are killed, or whose system calls fail, one after the other. Needs strace.

A trace tells which system calls an update makes. Each is then the last one, by SIGKILL, or fails with errors
that Linux documents for it. Whatever happens: the file holds the old entries or the new ones, it holds the
new one if and only if the update said so, nothing else is left, and the next update succeeds.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import one_update
from trial import Trial

PROGRAM = Path(one_update.__file__)

ERRORS = {
    "access": ("EACCES",),
    "close": ("EIO", "ENOSPC"),
    "fchmod": ("EPERM",),
    "flock": ("ENOLCK", "ENOSYS", "EINTR"),
    "fstat": ("EIO",),
    "fsync": ("EIO", "ENOSPC", "EINVAL", "ENOSYS"),
    "getdents64": ("EIO",),
    "lseek": ("EIO",),
    "mkdir": ("ENOSPC", "EACCES", "EROFS"),
    "newfstatat": ("EACCES", "EIO"),
    "openat": ("EMFILE", "EACCES", "ENOSPC", "EINTR"),
    "read": ("EIO",),
    "rename": ("EACCES", "ENOSPC", "EXDEV"),
    "unlink": ("EACCES", "EBUSY"),
    "write": ("ENOSPC", "EIO", "EDQUOT"),
}
"""What a system call fails with; of each the manual pages name it. Those not here are let alone."""

KILLED = (-9, 137)

TIMEOUT_S = 60

RACES, RACERS = 24, 8


def trials() -> Iterator[Trial]:
    for name, number in calls():
        for event in ("signal=KILL", *(f"error={error}" for error in ERRORS.get(name, ()))):
            injection = f"{name}:{event}:when={number}"
            kind = "killed update" if "KILL" in event else "failing update"
            yield Trial(kind, injection, functools.partial(one, injection))
    for number in range(RACES):
        yield Trial("racing updates", f"{RACERS} at once, {number}", race)


def calls() -> list[tuple[str, int]]:
    """The system calls of an update: the name of each, and the how manieth of that name it is."""
    with project() as folder:
        trace = folder.parent / "trace"
        subprocess.run(command(folder, ["-o", str(trace)]), check=True, timeout=TIMEOUT_S, env=environment())
        names = re.findall(r"^(\w+)\((.*)$", trace.read_text(), re.MULTILINE)
    seen: collections.Counter[str] = collections.Counter()
    found, begun = [], False
    for name, arguments in names:
        seen[name] += 1
        if begun:
            found.append((name, seen[name]))
        begun = begun or one_update.BEGIN in arguments
    return found


def one(injection: str, _: random.Random) -> list[str]:
    """What is wrong after an update with this injection."""
    with project() as folder:
        name = injection.partition(":")[0]
        options = ["-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={injection}"]
        done = subprocess.run(
            command(folder, options), capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
            env=environment(),
        )  # fmt: skip
        found = []
        entries = count(folder)
        if done.returncode in KILLED:
            if entries not in (1, 2):
                found.append(f"{entries} entries")
        elif done.returncode == 0:
            if entries != 2:
                found.append(f"says that it is in force, and {entries} entries are there")
        elif done.returncode == one_update.REFUSED:
            if entries != 1:
                found.append(f"says that it failed, and {entries} entries are there: {done.stdout}")
            if str(folder) not in done.stdout or "Traceback" in done.stderr:
                found.append(f"names no path: {done.stdout}{done.stderr}")
        else:
            found.append(f"exit status {done.returncode}: {done.stderr[-500:]}")
        one_update.update(folder, 20)
        if count(folder) != entries + 1:
            found.append(f"the next update leads from {entries} to {count(folder)} entries")
        left = {path.name for path in folder.rglob("*") if path.is_file()}
        if left != {"test_step.json", ".gitignore", "machine.lock"}:
            found.append(f"files: {sorted(left)}")
        return found


def race(_: random.Random) -> list[str]:
    """What is lost where several processes update the same file."""
    with project() as folder:
        command = [sys.executable, str(PROGRAM), str(folder)]
        racers = [subprocess.Popen([*command, str(minute)]) for minute in range(10, 10 + RACERS)]
        statuses = [racer.wait(TIMEOUT_S) for racer in racers]
        found = [f"exit status {status}" for status in statuses if status]
        if count(folder) != 1 + RACERS:
            found.append(f"{count(folder) - 1} of {RACERS} updates are there")
        return found


@contextlib.contextmanager
def project() -> Iterator[Path]:
    """A folder of baselines with one entry."""
    with tempfile.TemporaryDirectory() as folder:
        baselines = Path(folder, "baselines")
        one_update.update(baselines, 1)
        yield baselines


def count(folder: Path) -> int:
    baseline = one_update.store_in(folder).load(one_update.BENCHMARK, one_update.WORKLOAD.framework)
    return 0 if baseline is None else len(baseline.accepted)


def command(folder: Path, options: list[str]) -> list[str]:
    return ["strace", "-qq", *options, sys.executable, str(PROGRAM), str(folder), "10"]


def environment() -> dict[str, str]:
    """The same system calls in every process."""
    return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
