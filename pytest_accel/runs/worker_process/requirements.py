"""What a Python must have for tests to run in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process.greeting import Greeting

MIN_PYTHON = (3, 11)
MIN_PYTEST = (8, 4)

NATIVE_TOML = (9, 0)
"""pytest reads its settings from TOML as they are since this version."""


def check(greeting: Greeting, settings: Path | None) -> None:
    """Raise InvalidRun if the agent cannot work in this Python.

    ``settings`` is the file that the session's pytest has its settings from.
    """
    executable, python, version = greeting.executable, greeting.python, greeting.pytest
    if python < MIN_PYTHON:
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

    if tuple(int(part) for part in version.split(".")[:2]) < NATIVE_TOML and _is_native_toml(settings):
        raise InvalidRun(
            f"its pytest {version} cannot read the settings in {settings}, which pytest "
            f"{_dotted(NATIVE_TOML)} can: {executable} -m pip install --upgrade pytest"
        )


def _is_native_toml(settings: Path | None) -> bool:
    if settings is None or settings.suffix != ".toml":
        return False
    if settings.name != "pyproject.toml":
        return True
    table = tomllib.loads(settings.read_text(encoding="utf-8")).get("tool", {}).get("pytest", {})
    return bool(table.keys() - {"ini_options"})


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
