"""A test that runs in a worker as far as its measuring call, where its step is compiled and does not run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records import ProgramFacts
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker import messages


def compiled(
    test: RemoteTest, topology: str, cache: Path | None, startup_time_s: float
) -> tuple[ProgramFacts, Mapping[str, str]]:
    """What the compiler says, and the versions behind that. Raises what the methods of RemoteTest do.

    What it said of the same program before may be in the folder ``cache``.
    """
    folder = None if cache is None else str(cache)
    test.send(messages.Compile(topology, folder), doing=f"compiling for {topology}")
    answer = test.wait_for(messages.Compiled)
    return dataclasses.replace(answer.program, startup_time_s=startup_time_s), answer.provenance
