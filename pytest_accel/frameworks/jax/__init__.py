"""JAX: the shipped workloads as programs, on a TPU, a GPU or a CPU."""

from __future__ import annotations

import functools
from typing import Any

import jax

from pytest_accel.frameworks import values
from pytest_accel.frameworks.jax import devices, image_classification
from pytest_accel.frameworks.jax.devices import start
from pytest_accel.records import DataSource, Program, Workload

__all__ = ["build", "provenance", "start"]

WORKLOADS = ("resnet50",)


def build(workload: Workload, data: DataSource = None) -> Program:
    """The workload on the accelerator in use: weights and data are made; the first step compiles the program.

    Raises ValueError for a workload that JAX has no version of, and for a global batch that does not divide
    by the number of devices.
    """
    if workload.name not in WORKLOADS:
        raise ValueError(f"JAX has no workload {workload.name!r}, only: {', '.join(WORKLOADS)}.")
    step = image_classification.synthetic_steps(workload, devices.mesh())
    return Program(step, _wait, functools.partial(values.peak_memory_bytes, devices.kind_in_use()))


def _wait(loss: Any) -> float:
    """The loss as a number: it is there when the device has done the step, and all steps before it."""
    return float(loss)


def provenance() -> dict[str, str]:
    """Versions of JAX and of what it runs with, as far as known."""
    return {"jax": jax.__version__, "jax-backend": jax.extend.backend.get_backend().platform_version}
