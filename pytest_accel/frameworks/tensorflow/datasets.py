"""Datasets as TensorFlow reads them, and how their batches reach the devices."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.common import datasets
from pytest_accel.frameworks.tensorflow import devices
from pytest_accel.records import Kind

Share: TypeAlias = tf.distribute.InputContext
"""Which part of each global batch one input pipeline gives: there is one a host."""


@dataclass(frozen=True, kw_only=True)
class Dataset(datasets.Dataset):
    """A dataset as ``tf.data``: ``train`` and ``evaluation`` give batches of one replica.

    ``explain`` turns what reading raised into an error that names what cannot be read, where it can be told.
    """

    train: Callable[[int, Share], tf.data.Dataset]
    evaluation: Callable[[Share], tf.data.Dataset]
    explain: Callable[[tf.errors.OpError], Exception] = lambda error: error

    def read_training(self, epoch: int) -> Iterator[Any]:
        return self.read(functools.partial(self.train, epoch))

    def evaluation_batches(self) -> Iterator[Any]:
        return self.read(self.evaluation)

    def read(self, batches: Callable[[Share], tf.data.Dataset]) -> Iterator[Any]:
        """Batches of ``train`` or ``evaluation`` on the devices. Raises what ``explain`` gives."""
        return self._explained(lambda: _on_devices(batches))

    def on_host(
        self, batches: Callable[[Share], tf.data.Dataset], index: int, hosts: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return the same as arrays, for another framework: the share of host ``index`` of ``hosts``."""
        return self._explained(lambda: batches(Share(hosts, index, hosts)).as_numpy_iterator())

    def _explained(self, batches: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        try:
            yield from batches()
        except tf.errors.OpError as error:
            raise self.explain(error) from error


def _on_devices(batches: Callable[[Share], tf.data.Dataset]) -> Iterable[Any]:
    """What the replicas get step by step, sent ahead to their devices."""
    strategy = devices.strategy()
    if devices.kind_in_use() is Kind.TPU or strategy.num_replicas_in_sync > 1:
        distributed: Iterable[Any] = strategy.distribute_datasets_from_function(batches)
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
    batches = examples.batch(share.get_per_replica_batch_size(batch), drop_remainder=True).prefetch(1)
    # There is nothing to tune, and what tunes sleeps twice as long each time: to end an epoch takes until it
    # next awakes, such as 20.5 s after its start (TensorFlow 2.21).
    without_tuning = tf.data.Options()
    without_tuning.autotune.enabled = False
    return batches.with_options(without_tuning)
