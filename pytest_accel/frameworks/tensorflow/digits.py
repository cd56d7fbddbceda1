"""The 1,797 real handwritten digits that scikit-learn ships, as images for a convolutional network.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning Repository: 8x8
pixels of 17 grey levels. Here they are 32x32 or what else is asked for, with three equal channels.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow.datasets import Dataset

EVALUATION_EXAMPLES = 360
"""A fifth, drawn once and the same for every seed."""

SHIFT = 1 / 8
"""Training images are shifted by up to this share of their size in each direction."""

CLASSES = 10


def digits(batch: int, image_size: int, dtype: tf.DType, seed: int) -> Dataset:
    """Raises RuntimeError, which says what to install, if scikit-learn is not there."""
    images, labels = _resized(image_size)
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, rest = order[:EVALUATION_EXAMPLES], order[EVALUATION_EXAMPLES:]
    steps = len(rest) // batch

    def train(epoch: int) -> tf.data.Dataset:
        rng = np.random.default_rng([seed, epoch])
        chosen = rng.permutation(rest)[: steps * batch]
        shifts = rng.integers(-int(SHIFT * image_size), int(SHIFT * image_size) + 1, (len(chosen), 2))
        moved = np.stack(
            [_shifted(images[index], shift) for index, shift in zip(chosen, shifts, strict=True)]
        )
        return _batches(moved, labels[chosen], batch, dtype)

    return Dataset(
        train=train,
        evaluation=lambda: _batches(images[held_out], labels[held_out], EVALUATION_EXAMPLES // 4, dtype),
        train_examples=steps * batch,
        evaluation_examples=EVALUATION_EXAMPLES,
        steps_per_epoch=steps,
    )


def _resized(image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images ``[1797, size, size, 3]`` of mean 0 and variance 1, and labels ``[1797]``."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise RuntimeError(
            'dataset="digits" is part of scikit-learn, which is not installed here: pip install '
            '"pytest-accel[digits]"'
        ) from error
    loaded = load_digits()
    large = tf.image.resize(loaded.images[..., np.newaxis].astype(np.float32), [image_size] * 2).numpy()
    normal = (large - large.mean()) / large.std()
    return np.repeat(normal, 3, axis=3), loaded.target.astype(np.int64)


def _shifted(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Moved by so many pixels down and to the right; what comes in is background."""
    moved = np.full_like(image, image.min())
    (down, right), size = shift, len(image)
    to_rows, to_columns = slice(max(0, down), size + min(0, down)), slice(max(0, right), size + min(0, right))
    rows, columns = slice(max(0, -down), size + min(0, -down)), slice(max(0, -right), size + min(0, -right))
    moved[to_rows, to_columns] = image[rows, columns]
    return moved


def _batches(images: np.ndarray, labels: np.ndarray, batch: int, dtype: tf.DType) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices((tf.cast(images, dtype), labels))
    return dataset.batch(batch, drop_remainder=True).prefetch(1)
