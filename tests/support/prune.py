"""What tests of ``pytest-accel prune`` share: two benchmarks, one under another name, and the command."""

from __future__ import annotations

import sys

TWO = """
import pytest
from pytest_accel import accelerator_kind

def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", [1] if accelerator_kind(metafunc.config) == "cpu" else [8])

def test_step(accel, step):
    accel.measure(step, examples_per_step=32)

def test_batch(accel, step, batch):
    accel.measure(step, examples_per_step=32)
"""
ONE = TWO.replace("def test_step(", "def test_renamed(")


def prune(project, *arguments):
    return project.pytester.run(sys.executable, "-m", "pytest_accel.cli.main", "prune", *arguments)


def untouched(recorded, *arguments):
    """What is said where no baseline may be lost, though not all tests can be seen."""
    files = recorded.baseline_files
    result = prune(recorded, "--yes", *arguments)
    assert recorded.baseline_files == files
    return result
