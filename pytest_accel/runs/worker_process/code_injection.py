"""The code that a worker is sent: its first lines, and pytest-accel itself.

Every worker is sent it, here as elsewhere: both sides of a comparison then differ in nothing of ours.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest_accel

_PACKAGE = Path(pytest_accel.__file__).parent

_NOT_FOR_CHILDREN = ("baselines", "cli", "gate", "hosts", "reports", "runs", "session")
"""Packages of the session's side. What a worker holds in memory is kept small."""


@functools.cache
def bootstrap_source() -> str:
    """The program for ``PYTHON -c``."""
    return (_PACKAGE / "worker" / "bootstrap.py").read_text(encoding="utf-8")


@functools.cache
def sources() -> dict[str, str]:
    """The modules that a worker may import, by name; a package under its name and ``.__init__``."""
    files = {file.relative_to(_PACKAGE): file for file in sorted(_PACKAGE.rglob("*.py"))}
    return {
        ".".join((_PACKAGE.name, *relative.with_suffix("").parts)): file.read_text(encoding="utf-8")
        for relative, file in files.items()
        if relative.parts[0] not in _NOT_FOR_CHILDREN
    }
