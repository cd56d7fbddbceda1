"""Steps on real data: training from end to end, and the input pipeline on its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from pytest_accel.frameworks import introspection
from pytest_accel.frameworks.tensorflow import devices, image_classification, image_datasets
from pytest_accel.records import DataSource, Workload


def repeat_epochs(workload: Workload, source: DataSource) -> Iterator[Any]:
    """Batches of one training epoch after the other, on the devices. Raises what the dataset raises."""
    dataset = image_datasets.dataset(workload, image_classification.SEED, source)

    def batches() -> Iterator[Any]:
        for epoch in itertools.count():
            yield from dataset.training_batches(epoch)

    return batches()


def step(workload: Workload, source: DataSource) -> Callable[[], tf.Tensor]:
    """One step over all replicas on the next batch. It gives the mean loss over the global batch."""
    batches = repeat_epochs(workload, source)
    strategy = devices.strategy()
    with strategy.scope():
        trainer = image_classification.trainer(workload, strategy.num_replicas_in_sync)
    compiled = image_classification.compiled(trainer, strategy)
    return lambda: compiled(*next(batches))


def wait(batch: Any) -> None:
    """Block until a batch is where it is needed."""
    introspection.wait_for(batch)
