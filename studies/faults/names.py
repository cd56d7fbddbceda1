"""Names of tests, hardware and frameworks as nobody should choose them: where their baselines would lie.

A name leads to a file inside of its folder that can be written on every file system, and no two names to
the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import PurePosixPath

from trial import Trial

from pytest_accel.baselines.paths import baseline_path, folder_name

TRIALS, NAMES_EACH = 100, 500

PIECES = (
    *("test_a.py", "::", "/", "..", ".", "\\", "[", "]", "-", "~", " ", "\0", "\n", "\x1b[0m", "%2e%2e"),
    *("$(id)", "con", "NUL.txt", "aux", "~root", "*", "?", "|", '"', "'", "`", ":", "é", "e\u0301", "ß", "İ"),
    *("\u202e", "😀", "\ud800", "x" * 255, "a.json", "Test", "test_step", "A", "a", "published", ".git"),
    *("noise.json", ".locks"),
)
FORBIDDEN = frozenset('\0\n\\:*?"<>|')
"""What a file on Windows cannot have in its name, and what breaks lines."""


def trials() -> Iterator[Trial]:
    for number in range(TRIALS):
        yield Trial("hostile names", f"{NAMES_EACH} names, {number}", one)


def one(rng: random.Random) -> list[str]:
    found = []
    owner: dict[str, str] = {}
    for _ in range(NAMES_EACH):
        name = "".join(rng.choices(PIECES, k=rng.randint(1, 8)))
        path = baseline_path(f"test_it.py::{name}" if rng.random() < 0.5 else name)
        found += [f"{name!r} leads to {path}: {fault}" for fault in faults(path)]
        found += [
            f"{name!r} is the folder {folder_name(name)!r}" for _ in faults(PurePosixPath(folder_name(name)))
        ]
    for name in {"".join(rng.choices(PIECES, k=rng.randint(1, 3))) for _ in range(NAMES_EACH)}:
        file = str(baseline_path(f"test_it.py::{name}")).casefold()
        if owner.setdefault(file, name) != name:
            found.append(f"{name!r} and {owner[file]!r} share {file}")
    return found


def faults(path: PurePosixPath) -> Iterator[str]:
    if path.is_absolute() or ".." in path.parts:
        yield "outside of its folder"
    for part in path.parts:
        if FORBIDDEN & {*part} or not part.isprintable():
            yield f"{part!r} is not a name on every file system"
        if len(part.encode("utf-8", "surrogatepass")) > 255:
            yield f"a part of {len(part)} characters"
        if part.endswith((".", " ")) or part.startswith("-"):
            yield f"{part!r} changes on its way, or looks like an option"
