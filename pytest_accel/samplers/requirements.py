"""What a Python must have for tests to run in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accel.samplers import InvalidRun

MIN_PYTHON = (3, 11)
MIN_PYTEST = (8, 4)


def check(greeting: Mapping[str, Any]) -> None:
    """Raise InvalidRun if the agent cannot work with what a child says it is."""
    executable, python, version = (greeting[name] for name in ("executable", "python", "pytest"))
    if tuple(python) < MIN_PYTHON:
        raise InvalidRun(
            f"{executable} is Python {_dotted(python)}, and {_dotted(MIN_PYTHON)} or newer is needed"
        )
    if version is None:
        raise InvalidRun(f"there is no pytest in it: {executable} -m pip install pytest")
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_PYTEST:
        raise InvalidRun(
            f"its pytest is {version}, and {_dotted(MIN_PYTEST)} or newer is needed: "
            f"{executable} -m pip install --upgrade pytest"
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
