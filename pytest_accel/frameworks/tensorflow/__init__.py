"""TensorFlow: the built-in workloads as programs, on a TPU, a GPU or a CPU."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from typing import Any

import tensorflow as tf

from pytest_accel.frameworks import introspection
from pytest_accel.frameworks.tensorflow import convergence, dataset_steps, devices, image_classification
from pytest_accel.frameworks.tensorflow.devices import kind_in_use, start, strategy
from pytest_accel.frameworks.tensorflow.lowering import lower, lower_step
from pytest_accel.records import DataSource, Program, Training, Workload

__all__ = [
    "build",
    "build_single_host_share",
    "lower",
    "lower_step",
    "provenance",
    "start",
    "train",
]

WORKLOADS = ("resnet50",)


def build(workload: Workload, data: DataSource = None) -> Program:
    """The workload on the accelerator in use: weights and data are made; the first step compiles the program.

    Raises ValueError for a workload that TensorFlow has no version of, for a global batch that does not
    divide by the number of replicas, and for data that is not there or is not what it should be.
    """
    peak_memory_bytes = functools.partial(introspection.peak_memory_bytes, kind_in_use())
    if workload.name == "input_pipeline":
        batches = dataset_steps.repeat_epochs(workload, data)
        return Program(lambda: next(batches), dataset_steps.wait, peak_memory_bytes)
    if "dataset" in workload.parameters:
        return Program(dataset_steps.step(workload, data), _wait, peak_memory_bytes)
    return Program(compiled_step(workload), _wait, peak_memory_bytes)


def build_single_host_share(workload: Workload) -> Program:
    """This host's share of a step on synthetic data, on the devices of this host."""
    here = devices.local_strategy()
    hosts = strategy().num_replicas_in_sync // here.num_replicas_in_sync
    share = dataclasses.replace(workload, examples_per_step=workload.examples_per_step // hosts)
    return Program(compiled_step(share, here), _wait, lambda: None)


def compiled_step(
    workload: Workload, strategy: tf.distribute.Strategy | None = None
) -> tf.types.experimental.PolymorphicFunction:
    """One step over all replicas as one graph. It gives the mean loss over the global batch."""
    _check_known(workload)
    strategy = strategy or devices.strategy()
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        trainer = image_classification.trainer(workload, replicas)
        batch = image_classification.synthetic_share(workload, replicas)

    def step() -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(trainer.step, args=batch), axis=None)

    return tf.function(step, autograph=False, jit_compile=devices.xla())


def train(workload: Workload, seed: int, data: DataSource = None) -> Training:
    """Training of the workload on its dataset, which ``data`` has if it is not shipped.

    Raises ValueError as ``build`` does, and for data that is not there or is not what it should be.
    """
    _check_known(workload)
    return convergence.training(workload, seed, data)


def _check_known(workload: Workload) -> None:
    if workload.name not in WORKLOADS:
        raise ValueError(f"TensorFlow has no workload {workload.name!r}, only: {', '.join(WORKLOADS)}.")


def _wait(loss: Any) -> float:
    """The loss as a number: it is there when the device has done the step, and all steps before it."""
    return float(loss)


def provenance() -> dict[str, str]:
    """Versions of TensorFlow, of what it was built with and of what it runs with, as far as known."""
    build_info = tf.sysconfig.get_build_info()
    versions = {
        "tensorflow": tf.__version__,
        "cuda": build_info.get("cuda_version"),
        "cudnn": build_info.get("cudnn_version"),
        "functions": "run eagerly" if tf.config.functions_run_eagerly() else None,
        **{package: _installed_version(package) for package in ("keras", "numpy", "libtpu", "jax", "jaxlib")},
    }
    return {name: str(version) for name, version in versions.items() if version}


def _installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
