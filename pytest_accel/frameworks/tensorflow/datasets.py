"""What a dataset is to training, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Dataset:
    """Batches of images ``[batch, height, width, 3]`` and labels ``[batch]``.

    ``train`` gives those of an epoch, from 0: the same ones whenever it is asked. ``train_examples`` are
    those of an epoch, so what does not fill a batch is left out.
    """

    train: Callable[[int], tf.data.Dataset]
    evaluation: Callable[[], tf.data.Dataset]
    train_examples: int
    evaluation_examples: int
    steps_per_epoch: int
