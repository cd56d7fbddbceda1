"""The commands of ``pytest-accel``, a file each: what it adds to the parser, and what it answers."""

from __future__ import annotations

from typing import NamedTuple

from pytest_accel.records.json_codec import Json

DIFFERS = 1
"""The exit code of an answer that asks for attention."""


class CommandResult(NamedTuple):
    """What a command found: for people, for programs (``--json``), and the exit code."""

    text: str
    data: Json
    code: int = 0
