"""TensorFlow: the shipped workloads as programs, on a TPU, a GPU or a CPU."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

import tensorflow as tf

from pytest_accel.frameworks import values
from pytest_accel.frameworks.tensorflow import image_classification
from pytest_accel.frameworks.tensorflow.devices import kind_in_use, start, strategy
from pytest_accel.records import Kind, Program, Workload

__all__ = ["build", "provenance", "start"]

TRAINERS = {"resnet50": image_classification.resnet50}


def build(workload: Workload) -> Program:
    """The workload on the accelerator in use: weights and data are made; the first step compiles the program.

    Raises ValueError for a workload that TensorFlow has no version of, and for a global batch that does not
    divide by the number of replicas.
    """
    peak_memory_bytes = functools.partial(values.peak_memory_bytes, kind_in_use())
    return Program(step=compiled_step(workload), wait=_wait, peak_memory_bytes=peak_memory_bytes)


def compiled_step(workload: Workload) -> tf.types.experimental.PolymorphicFunction:
    """One step over all replicas as one graph. It gives the mean loss over the global batch."""
    if workload.name not in TRAINERS:
        raise ValueError(f"TensorFlow has no workload {workload.name!r}, only: {', '.join(TRAINERS)}.")
    spread = strategy()
    with spread.scope():
        trainer = TRAINERS[workload.name](workload, spread.num_replicas_in_sync)

    def step() -> tf.Tensor:
        return spread.reduce("SUM", spread.run(trainer.step), axis=None)

    # On a TPU the strategy brings XLA with it; that of several GPUs cannot be inside of what XLA compiles.
    # On a CPU, XLA takes nearly twice as long: ResNet-50, 8 images of 224x224, 2 cores, TensorFlow 2.21:
    # 2.50 s against 1.35 s in float32, 1.71 s against 0.85 s in mixed_bfloat16.
    xla = kind_in_use() is Kind.GPU and spread.num_replicas_in_sync == 1
    return tf.function(step, autograph=False, jit_compile=xla or None)


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
        **{package: _installed_version(package) for package in ("keras", "numpy", "libtpu")},
    }
    return {name: str(version) for name, version in versions.items() if version}


def _installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
