"""Steps on real data: training from end to end, and the input pipeline on its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import jax
from jax.sharding import Mesh

from pytest_accel.frameworks.jax import image_classification, image_datasets
from pytest_accel.frameworks.jax.datasets import Batch
from pytest_accel.records import DataSource, Workload


def repeat_epochs(workload: Workload, source: DataSource, mesh: Mesh) -> Iterator[Batch]:
    """Batches of one training epoch after the other, on the devices. Raises what the dataset raises."""
    dataset = image_datasets.dataset(workload, image_classification.SEED, source, mesh)

    def batches() -> Iterator[Batch]:
        for epoch in itertools.count():
            yield from dataset.training_batches(epoch)

    return batches()


def step(workload: Workload, source: DataSource, mesh: Mesh) -> Callable[[], jax.Array]:
    """One step over all devices on the next batch. It gives the mean loss over the global batch."""
    batches = repeat_epochs(workload, source, mesh)
    trainer = image_classification.Trainer(workload, mesh)
    rate = image_classification.learning_rate(workload, mesh)
    return lambda: trainer.step(rate, *next(batches))


def wait(batch: object) -> None:
    """Block until a batch is where it is needed."""
    jax.block_until_ready(batch)
