"""All baselines of a folder, of every hardware."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_accel.baselines.errors import StoreError
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.records import Baseline
from pytest_accel.records.user_error import UserError

PUBLISHED = "published"
"""The folder beside them that holds no baselines, but what others reported."""


class Stored(NamedTuple):
    """A baseline, and the folder of the hardware that it is of."""

    hardware: str
    path: Path
    baseline: Baseline


def load_all(folder: Path) -> tuple[list[Stored], list[str]]:
    """All baselines, by hardware and path; and what is wrong with those that cannot be read.

    Raises UserError for a folder that is not there or cannot be read.
    """
    stored: list[Stored] = []
    faults: list[str] = []
    for identity_dir in _homes(folder):
        try:
            for path, baseline in BaselineStore.for_directory(identity_dir).load_all():
                if isinstance(baseline, Baseline):
                    stored.append(Stored(identity_dir.name, path, baseline))
                else:
                    faults.append(str(baseline))
        except StoreError as error:
            faults.append(str(error))
    return stored, faults


def _homes(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"cannot read baselines in {folder}: {error.strerror or error}. Say where they are with "
            "--baselines=DIR."
        ) from None
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith(".") and entry.name != PUBLISHED:
            yield entry
