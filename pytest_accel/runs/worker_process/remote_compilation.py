"""A test that runs in a worker as far as its measuring call, where its step is compiled and does not run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records import ProgramFacts
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker import messages

_FATAL = re.compile(r"(?:ERROR: |^F\d{4} .*?\] |Check failed: )(.*)", re.MULTILINE)
"""How Abseil begins the last line of a process that it ends."""

MAX_WORDS = 300


def compiled(
    test: RemoteTest, topology: str, cache: Path | None, startup_time_s: float
) -> tuple[ProgramFacts, Mapping[str, str]]:
    """What the compiler says, and the versions behind that. Raises what the methods of RemoteTest do.

    What it said of the same program before may be in the folder ``cache``.
    """
    folder = None if cache is None else str(cache)
    test.send(messages.Compile(topology, folder), doing=f"compiling for {topology}")
    try:
        answer = test.wait_for(messages.Compiled)
    except InvalidRun as invalid:
        words = _last_words(invalid.output)
        if type(invalid) is not InvalidRun or not words:
            raise
        raise InvalidRun(f"{invalid}: {words}", invalid.output) from None
    return dataclasses.replace(answer.program, startup_time_s=startup_time_s), answer.provenance


def _last_words(output: str) -> str | None:
    """What the compiler wrote before it ended its process; its library may do that for a bad flag."""
    found = _FATAL.findall(output)
    return found[-1].strip()[:MAX_WORDS] if found else None
