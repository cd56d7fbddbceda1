"""Compiling a step in this process for hardware that is not here, and keeping what the compiler said."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

from pytest_accel.records import Plan, ProgramFacts, files, json_codec

__tracebackhide__ = True  # pytest then shows the user's own lines only


def compile_plan(
    plan: Plan, topology: str, cache: Path | None, *, clock: Callable[[], float] = time.perf_counter
) -> ProgramFacts:
    """What the compiler says of the plan's step for this accelerator type. ``clock`` counts seconds.

    In the folder ``cache`` it is looked up, and stored, by the fingerprint of the program. Raises what
    tracing and compiling raise.
    """
    start = clock()
    lowered = plan.lower(topology)
    traced = clock()
    file = cache / f"{lowered.fingerprint}.json" if cache is not None else None
    known = _read(file)
    if known is None:
        compiled = lowered.compile()
        known = dataclasses.replace(compiled, compile_time_s=clock() - traced)
        _write(file, known)
    return dataclasses.replace(known, build_time_s=traced - start)


def _read(file: Path | None) -> ProgramFacts | None:
    """None for what is not there or not whole."""
    if file is None:
        return None
    try:
        return json_codec.decode(ProgramFacts, json.loads(file.read_text()))
    except (OSError, ValueError, json_codec.CodecError):
        return None


def _write(file: Path | None, facts: ProgramFacts) -> None:
    """A folder that cannot be written costs time later, and nothing else."""
    if file is None:
        return
    with contextlib.suppress(OSError):
        files.replace(file, json.dumps(json_codec.encode(facts)).encode())
