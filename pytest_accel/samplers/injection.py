"""The code that a child is sent: its first lines, and pytest-accel itself where it is not installed."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest_accel

_PACKAGE = Path(pytest_accel.__file__).parent


@functools.cache
def first_lines() -> str:
    """The program for ``PYTHON -c``."""
    return (_PACKAGE / "bootstrap.py").read_text(encoding="utf-8")


@functools.cache
def sources() -> dict[str, str]:
    """Every module of pytest-accel by name, a package under its name and ``.__init__``."""
    return {
        ".".join(file.relative_to(_PACKAGE.parent).with_suffix("").parts): file.read_text(encoding="utf-8")
        for file in _PACKAGE.rglob("*.py")
    }
