"""Accept one entry into a baseline, as a session does: what updates.py traces, kills and lets fail.

    python one_update.py BASELINES MINUTE

Exits with 3, and the message of pytest-accel, where that says that nothing was written.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from pytest_accel.baselines import BaselineStore, StoreError
from pytest_accel.records import AcceptedEntry, Benchmark, Steps, Workload

BEGIN = "/an-update-begins"
"""Asked for in vain, so that a trace shows where the update begins."""

REFUSED = 3

IDENTITY = "machine"
BENCHMARK = Benchmark("test_it.py::test_step")
WORKLOAD = Workload("resnet50", "tensorflow", 64)


def store_in(folder: Path) -> BaselineStore:
    return BaselineStore(folder, IDENTITY, lock_timeout_s=5.0)


def update(folder: Path, minute: int) -> None:
    """Append the entry of this minute of an hour. Raises StoreError."""
    step_time_s = 0.1 + minute / 1000
    steps = Steps((step_time_s,) * 200, 1, 1.0, 1.0, 1.0, 1.0, 1)
    time = f"2026-01-01T00:{minute:02}:00+00:00"
    entry = AcceptedEntry(time, {}, {"step_time_s": step_time_s}, (steps,))
    store_in(folder).accept(BENCHMARK, WORKLOAD, entry)


if __name__ == "__main__":
    importlib.import_module("filelock")  # what it imports is not part of an update
    os.access(BEGIN, os.F_OK)
    try:
        update(Path(sys.argv[1]), int(sys.argv[2]))
    except StoreError as error:
        print(error)
        sys.exit(REFUSED)
