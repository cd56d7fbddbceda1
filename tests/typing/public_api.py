"""What users write, as mypy sees it in their project: checked, never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

import pytest

import pytest_accel
from pytest_accel import (
    Accel,
    Accelerator,
    ConvergenceResult,
    Kind,
    StepResult,
    accelerator_kind,
    settings_for,
)


def test_shipped(accel: Accel, accelerator: Accelerator) -> None:
    result = accel.throughput("resnet50", global_batch=32 * accelerator.devices, precision="float32")
    assert_type(result, StepResult)
    assert_type(result.loss, float | None)
    assert_type(accelerator.kind, Kind)
    assert_type(accelerator.memory_bytes, int | None)


def test_own_step(accel: Accel, step: Callable[[], object]) -> None:
    assert_type(accel.measure(step, examples_per_step=8), StepResult)


def test_digits(accel: Accel) -> None:
    result = accel.convergence("resnet50", dataset="digits", epochs=8, target=0.95)
    assert_type(result, ConvergenceResult)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    sizes = {Kind.CPU: (8,), Kind.GPU: (256,), Kind.TPU: (1024,)}
    metafunc.parametrize("global_batch", sizes[accelerator_kind(metafunc.config)])


def needs_devices(item: pytest.Item) -> None:
    assert_type(settings_for(item).devices, int | None)


assert_type(pytest_accel.__version__, str)
