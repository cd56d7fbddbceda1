"""JAX: the built-in workloads as programs, on a TPU, a GPU or a CPU."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jaxlib
import numpy as np
from jax.extend import backend

from pytest_accel.frameworks import introspection
from pytest_accel.frameworks.jax import convergence, dataset_steps, devices, image_classification
from pytest_accel.frameworks.jax.devices import mesh_of, start
from pytest_accel.frameworks.jax.lowering import lower, lower_step
from pytest_accel.records import DataSource, Program, Training, Workload

__all__ = [
    "build",
    "build_single_host_share",
    "lower",
    "lower_step",
    "mesh_of",
    "provenance",
    "start",
    "train",
]

WORKLOADS = ("resnet50",)


def build(workload: Workload, data: DataSource = None) -> Program:
    """The workload on the accelerator in use: weights and data are made; the first step compiles the program.

    Raises ValueError for a workload that JAX has no version of, for a global batch that does not divide by
    the number of devices, and for data that is not there or is not what it should be.
    """
    mesh = devices.mesh()
    peak_memory_bytes = functools.partial(introspection.peak_memory_bytes, devices.kind_in_use())
    if workload.name == "input_pipeline":
        batches = dataset_steps.repeat_epochs(workload, data, mesh)
        return Program(lambda: next(batches), dataset_steps.wait, peak_memory_bytes)
    _check_known(workload)
    if "dataset" in workload.parameters:
        return Program(dataset_steps.step(workload, data, mesh), _wait, peak_memory_bytes)
    return Program(image_classification.synthetic_steps(workload, mesh), _wait, peak_memory_bytes)


def build_single_host_share(workload: Workload) -> Program:
    """This host's share of a step on synthetic data, on the devices of this host."""
    share = dataclasses.replace(workload, examples_per_step=workload.examples_per_step // jax.process_count())
    step = image_classification.synthetic_steps(share, devices.local_mesh())
    return Program(step, _wait, lambda: None)


def train(workload: Workload, seed: int, data: DataSource = None) -> Training:
    """Training of the workload on its dataset, which ``data`` has if it is not shipped.

    Raises ValueError as ``build`` does, and RuntimeError for a package that is missing.
    """
    _check_known(workload)
    return convergence.training(workload, seed, data)


def _check_known(workload: Workload) -> None:
    if workload.name not in WORKLOADS:
        raise ValueError(f"JAX has no workload {workload.name!r}, only: {', '.join(WORKLOADS)}.")


def _wait(loss: Any) -> float:
    """The loss as a number: it is there when the device has done the step, and all steps before it."""
    return float(loss)


def provenance() -> dict[str, str]:
    """Versions of JAX and of what it runs with, as far as known."""
    versions = {
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "jax-backend": " ".join(backend.get_backend().platform_version.split()),
        "numpy": np.__version__,
    }
    return {name: version for name, version in versions.items() if version and version != "<unknown>"}
