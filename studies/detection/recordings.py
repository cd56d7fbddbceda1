"""Recorded sessions of unchanged training steps; data/README.md says how each came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "data"

Times = NDArray[np.float64]
"""Times in s; one row a session, one column a block of steps."""


@dataclass(frozen=True)
class Recording:
    """Sessions of one training step, a fresh process each, in the order of recording.

    ``yardsticks`` are times of fixed work, done after each block. Sessions of the same number in
    ``sittings`` followed each other without a pause.
    """

    name: str
    about: str
    step_times_s: Times
    yardsticks: Mapping[str, Times]
    sittings: tuple[int, ...]


def load(folder: Path = FOLDER) -> list[Recording]:
    """All recordings of a folder, by name."""
    return [_read(file) for file in sorted(folder.glob("*.json"))]


def _read(file: Path) -> Recording:
    content = json.loads(file.read_text())
    sessions = content["sessions"]
    return Recording(
        name=file.stem,
        about=content["about"],
        step_times_s=np.array([session["step_times_s"] for session in sessions]),
        yardsticks={
            name: np.array([session["yardsticks"][name] for session in sessions])
            for name in sessions[0]["yardsticks"]
        },
        sittings=tuple(session["sitting"] for session in sessions),
    )


def cut(recording: Recording, blocks: int) -> list[Recording]:
    """The recording as if its runs had had so many blocks: once from each place that they fit in."""
    times = recording.step_times_s
    return [
        replace(recording, step_times_s=times[:, start : start + blocks])
        for start in range(0, times.shape[1] - blocks + 1, blocks)
    ]


def consecutive(recording: Recording, count: int) -> Iterator[tuple[int, ...]]:
    """Every choice of so many sessions of one sitting that followed each other."""
    for start in range(len(recording.sittings) - count + 1):
        chosen = tuple(range(start, start + count))
        if all(recording.sittings[a] == recording.sittings[b] for a, b in pairwise(chosen)):
            yield chosen
