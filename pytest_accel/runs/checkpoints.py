"""Where a run of training keeps what it needs to go on after it was ended: a folder of its own."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from pytest_accel.records import Accelerator, Workload


@contextlib.contextmanager
def checkpoints(
    root: Path | None, nodeid: str, workload: Workload, accelerator: Accelerator, environment: str, seed: int
) -> Iterator[Path | None]:
    """The folder under ``root``; it is removed once the training in it is complete.

    None without a root, or while another session trains the same: then nothing is kept.
    """
    if root is None:
        yield None
        return
    run = (nodeid, workload.hash, accelerator.identity, environment)
    test = hashlib.sha256("\n".join(run).encode()).hexdigest()[:16]
    folder = root / test / f"seed-{seed}"
    try:
        with _held(folder.with_suffix(".lock")) as ours:
            yield folder if ours else None
            if ours:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):  # it holds what a run that was ended has left
            folder.parent.rmdir()


@contextlib.contextmanager
def _held(file: Path) -> Iterator[bool]:
    """Whether the lock is ours; it is not, either, where there can be no such file."""
    import filelock

    lock = filelock.FileLock(file, fallback_to_soft=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        file.unlink(missing_ok=True)
        lock.release()
