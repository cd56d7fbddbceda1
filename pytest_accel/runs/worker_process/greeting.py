"""What a worker says of itself before it receives any of our code: it may be no Python at all."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pytest_accel.worker.bootstrap import GREETING

MAX_BYTES = 2**16
"""A process that writes more than this before its greeting is not a worker."""


@dataclass(frozen=True)
class Greeting:
    """A Python interpreter; ``pytest`` is the version of pytest in it, None without pytest."""

    executable: str
    python: tuple[int, ...]
    pytest: str | None


def found(line: bytes) -> Greeting | None:
    """The greeting that ends this line, None if there is none. What starts Python may echo some of it."""
    _, mark, text = line.rpartition(GREETING.encode())
    try:
        said = json.loads(text) if mark else None
    except (ValueError, RecursionError):
        return None
    match said:
        case {"executable": str(executable), "python": [int(), int(), int()] as python, "pytest": pytest}:
            if pytest is None or (isinstance(pytest, str) and re.match(r"\d+\.\d+", pytest)):
                return Greeting(executable, tuple(python), pytest)
    return None
