"""Where a run of training keeps what it needs to go on after it was ended: one folder a test and seed."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from pytest_accel.records import Workload


@contextlib.contextmanager
def checkpoints(root: Path | None, nodeid: str, workload: Workload, seed: int) -> Iterator[Path | None]:
    """The folder under ``root``; it goes once the training in it has come to its end."""
    if root is None:
        yield None
        return
    test = hashlib.sha256(f"{nodeid} {workload.hash}".encode()).hexdigest()[:16]
    folder = root / test / f"seed-{seed}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()
