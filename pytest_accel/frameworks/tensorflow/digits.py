"""Handwritten digits as batches of TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from pytest_accel.frameworks.common.digits import EVALUATION_EXAMPLES, Digits
from pytest_accel.frameworks.tensorflow.datasets import Dataset, Share, in_memory


def digits(batch: int, image_size: int, num_classes: int, dtype: tf.DType, seed: int) -> Dataset:
    """Raises RuntimeError and ValueError as ``Digits`` does."""
    examples = Digits(batch, image_size, num_classes, seed)

    def train(epoch: int, share: Share) -> tf.data.Dataset:
        return in_memory(*examples.training(epoch), batch, share, dtype)

    def evaluation(share: Share) -> tf.data.Dataset:
        return in_memory(*examples.evaluation(), batch, share, dtype)

    return Dataset(
        name="digits",
        train=train,
        evaluation=evaluation,
        train_examples=examples.steps_per_epoch * batch,
        evaluation_examples=EVALUATION_EXAMPLES,
        steps_per_epoch=examples.steps_per_epoch,
    )
