"""A test that runs in a child as far as its measuring call, where its step is compiled and does not run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records import ProgramFacts, json_codec
from pytest_accel.runs.worker_process.remote_test import RemoteTest


def compiled(
    test: RemoteTest, topology: str, kept: Path | None, startup_time_s: float
) -> tuple[ProgramFacts, Mapping[str, str]]:
    """What the compiler says, and the versions behind that. Raises what the methods of RemoteTest do.

    What it said of the same program before may be in the folder ``kept``.
    """
    folder = None if kept is None else str(kept)
    test.send("compile", doing=f"compiling for {topology}", topology=topology, kept=folder)
    answer = test.until("compiled")
    facts = json_codec.decode(ProgramFacts, answer["facts"])
    return dataclasses.replace(facts, startup_time_s=startup_time_s), answer["provenance"]
