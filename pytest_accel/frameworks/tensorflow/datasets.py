"""What a dataset is to training, whichever it is, and how its batches reach the devices."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import devices
from pytest_accel.records import Kind

NO_LABEL = -1
"""The label of what only fills the last batch of an evaluation."""

Share: TypeAlias = tf.distribute.InputContext
"""Which part of each global batch one input pipeline gives: there is one a host."""


@dataclass(frozen=True)
class Dataset:
    """Batches of images ``[batch, height, width, 3]`` and labels ``[batch]``, those of one replica.

    ``train`` gives those of an epoch, from 0: the same ones whenever it is asked. ``train_examples`` are
    those of an epoch, so what does not fill a global batch is left out. ``evaluation`` leaves nothing out:
    its last batch is filled up with examples of ``NO_LABEL``. ``explain`` turns what reading raised into
    an error that names what cannot be read, where it can be told. ``name`` is for messages.
    """

    name: str
    train: Callable[[int, Share], tf.data.Dataset]
    evaluation: Callable[[Share], tf.data.Dataset]
    train_examples: int
    evaluation_examples: int
    steps_per_epoch: int
    explain: Callable[[tf.errors.OpError], Exception] = lambda error: error

    def training_batches(self, epoch: int) -> Iterator[Any]:
        """Those of ``train`` on the devices, as many as an epoch has steps.

        Raises what ``explain`` gives, and ValueError where the data ends early.
        """
        steps = 0
        for batch in self.read(functools.partial(self.train, epoch)):
            yield batch
            steps += 1
        if steps != self.steps_per_epoch:
            raise ValueError(
                f"{self.name}: epoch {epoch + 1} ends after {steps} of {self.steps_per_epoch} steps: there "
                f"are fewer than {self.train_examples} training examples, or they cannot be read twice"
            )

    def evaluation_batches(self) -> Iterator[Any]:
        """Those of ``evaluation`` on the devices. Raises what ``explain`` gives."""
        return self.read(self.evaluation)

    def read(self, batches: Callable[[Share], tf.data.Dataset]) -> Iterator[Any]:
        """Batches of ``train`` or ``evaluation`` on the devices. Raises what ``explain`` gives."""
        try:
            yield from _on_devices(batches)
        except tf.errors.OpError as error:
            raise self.explain(error) from error


def _on_devices(batches: Callable[[Share], tf.data.Dataset]) -> Iterable[Any]:
    """What the replicas get step by step, sent ahead to their devices."""
    spread = devices.strategy()
    if devices.kind_in_use() is Kind.TPU or spread.num_replicas_in_sync > 1:
        distributed: Iterable[Any] = spread.distribute_datasets_from_function(batches)
        return distributed
    whole = batches(Share())
    on_gpu = devices.kind_in_use() is Kind.GPU
    ready: Iterable[Any] = whole.apply(tf.data.experimental.prefetch_to_device("/GPU:0")) if on_gpu else whole
    return ready


def in_memory(
    images: np.ndarray, labels: np.ndarray, batch: int, share: Share, dtype: tf.DType
) -> tf.data.Dataset:
    """Batches of these examples in this order, ``batch`` over all replicas; they must fill them."""
    steps, hosts = len(labels) // batch, share.num_input_pipelines
    ours = np.arange(len(labels)).reshape(steps, hosts, -1)[:, share.input_pipeline_id].reshape(-1)
    examples = tf.data.Dataset.from_tensor_slices((tf.cast(images[ours], dtype), labels[ours]))
    return examples.batch(share.get_per_replica_batch_size(batch), drop_remainder=True).prefetch(1)


def filled_up(images: np.ndarray, labels: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with as many examples of ``NO_LABEL`` as the last batch lacks."""
    missing = -len(labels) % batch
    blank = np.zeros((missing, *images.shape[1:]), images.dtype)
    none = np.full(missing, NO_LABEL, labels.dtype)
    return np.concatenate([images, blank]), np.concatenate([labels, none])
