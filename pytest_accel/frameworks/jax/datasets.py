"""Datasets as arrays of the host, and how their batches reach the devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

from pytest_accel.frameworks.common import datasets
from pytest_accel.frameworks.xla.mesh import SHARDED

HostBatch: TypeAlias = tuple[np.ndarray, np.ndarray]
Batch: TypeAlias = tuple[jax.Array, jax.Array]


@dataclass(frozen=True, kw_only=True)
class Dataset(datasets.Dataset):
    """A dataset as NumPy arrays: ``train``, given the epoch, and ``evaluation`` give batches of this host.

    These are split over the devices of ``mesh``, with those of the other hosts, if there are any.
    """

    mesh: Mesh
    train: Callable[[int], Iterable[HostBatch]]
    evaluation: Callable[[], Iterable[HostBatch]]

    def read_training(self, epoch: int) -> Iterator[Batch]:
        return self._on_devices(self.train(epoch))

    def evaluation_batches(self) -> Iterator[Batch]:
        return self._on_devices(self.evaluation())

    def _on_devices(self, batches: Iterable[HostBatch]) -> Iterator[Batch]:
        """Sent without waiting, so that the host makes the next one ready while the devices are at work."""
        place = NamedSharding(self.mesh, SHARDED)
        for images, labels in batches:
            yield _placed(images, place), _placed(labels.astype(np.int32), place)


def in_memory(images: np.ndarray, labels: np.ndarray, batch: int, dtype: np.dtype) -> Iterator[HostBatch]:
    """This host's part of global batches of these examples in this order; they must fill them."""
    share = batch // jax.process_count()
    for first in range(jax.process_index() * share, len(labels), batch):
        part = slice(first, first + share)
        yield images[part].astype(dtype), labels[part]


def _placed(part: np.ndarray, place: NamedSharding) -> jax.Array:
    if jax.process_count() == 1:
        return jax.device_put(part, place)
    return jax.make_array_from_process_local_data(place, part)
