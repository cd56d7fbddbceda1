"""The datasets of images by name: digits from memory, all others as TensorFlow reads them."""

from __future__ import annotations

import functools
from typing import Any

import jax
from jax.sharding import Mesh

from pytest_accel import frameworks
from pytest_accel.frameworks.common import datasets
from pytest_accel.frameworks.common.digits import EVALUATION_EXAMPLES, Digits
from pytest_accel.frameworks.jax import image_classification
from pytest_accel.frameworks.jax.datasets import Dataset, in_memory
from pytest_accel.records import DataSource, Kind, Workload


def dataset(workload: Workload, seed: int, source: DataSource, mesh: Mesh) -> Dataset:
    """What the workload is trained on, from ``source`` if it is not shipped, in an order drawn by ``seed``.

    Raises ValueError for data that is not what it should be, or that does not divide by the devices, and
    RuntimeError for a package that is missing.
    """
    image_classification.check_divides(workload, mesh.size)
    if not callable(source) and workload.parameters["dataset"] == "digits":
        made = _digits(workload, seed, mesh)
    else:
        made = _read_by_tensorflow(workload, seed, source, mesh)
    return datasets.checked(made, workload)


def _digits(workload: Workload, seed: int, mesh: Mesh) -> Dataset:
    parameters: dict[str, Any] = dict(workload.parameters)
    batch, dtype = workload.examples_per_step, image_classification.compute_type(workload)
    examples = Digits(batch, parameters["image_size"], parameters["num_classes"], seed)
    return Dataset(
        name="digits",
        train=lambda epoch: in_memory(*examples.training(epoch), batch, dtype),
        evaluation=lambda: in_memory(*examples.evaluation(), batch, dtype),
        train_examples=examples.steps_per_epoch * batch,
        evaluation_examples=EVALUATION_EXAMPLES,
        steps_per_epoch=examples.steps_per_epoch,
        mesh=mesh,
    )


def _read_by_tensorflow(workload: Workload, seed: int, source: DataSource, mesh: Mesh) -> Dataset:
    """On the CPU: the GPUs are JAX's."""
    try:
        tensorflow = frameworks.load("tensorflow")
    except RuntimeError as error:
        raise RuntimeError(
            f"JAX reads dataset={workload.parameters['dataset']!r} through tf.data, and TensorFlow is not "
            'installed here: pip install "pytest-accel[cpu]" brings one that leaves GPUs and TPUs alone'
        ) from error
    from pytest_accel.frameworks.tensorflow import image_datasets

    tensorflow.start(Kind.CPU)
    image_datasets.make_reproducible(workload, seed)
    read = image_datasets.dataset(workload, seed, source)
    part = jax.process_index(), jax.process_count()
    return Dataset(
        name=read.name,
        train=lambda epoch: read.on_host(functools.partial(read.train, epoch), *part),
        evaluation=lambda: read.on_host(read.evaluation, *part),
        train_examples=read.train_examples,
        evaluation_examples=read.evaluation_examples,
        steps_per_epoch=read.steps_per_epoch,
        mesh=mesh,
    )
