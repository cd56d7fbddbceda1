"""What ``pytest_accel`` exports: every name is there, and none is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_accel


def test_every_public_name_is_there():
    for name in pytest_accel.__all__:
        assert getattr(pytest_accel, name) is not None
        assert name in dir(pytest_accel)


def test_a_name_that_is_not_public_is_named_in_the_error():
    with pytest.raises(AttributeError, match="module 'pytest_accel' has no attribute 'Accelerators'"):
        _ = pytest_accel.Accelerators


def test_importing_the_package_imports_nothing_else_of_it():
    program = (
        "import sys, pytest_accel; print(*(name for name in sys.modules if name.startswith('pytest_accel.')))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == []
