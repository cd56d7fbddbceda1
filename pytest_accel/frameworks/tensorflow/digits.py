"""The 1,797 real handwritten digits that scikit-learn ships, as images for a convolutional network.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning Repository: 8x8
pixels of 17 grey levels. Here they are 32x32 or what else is asked for, with three equal channels.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow.datasets import Dataset, Share, filled_up, in_memory

EVALUATION_EXAMPLES = 360
"""A fifth, drawn once and the same for every seed."""

SHIFT = 1 / 8
"""Training images are shifted by up to this share of their size in each direction."""

CLASSES = 10


def digits(batch: int, image_size: int, num_classes: int, dtype: tf.DType, seed: int) -> Dataset:
    """Raises RuntimeError, which says what to install, if scikit-learn is not there.

    Raises ValueError for fewer classes than there are digits.
    """
    if num_classes < CLASSES:
        raise ValueError(f'dataset="digits" has {CLASSES} classes: num_classes={num_classes} is too few')
    images, labels = _resized(image_size)
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, rest = order[:EVALUATION_EXAMPLES], order[EVALUATION_EXAMPLES:]
    steps = len(rest) // batch

    def train(epoch: int, share: Share) -> tf.data.Dataset:
        rng = np.random.default_rng([seed, epoch])
        chosen = rng.permutation(rest)[: steps * batch]
        most = int(SHIFT * image_size)
        shifts = rng.integers(-most, most, (len(chosen), 2), endpoint=True)
        moved = [_shifted(images[index], shift) for index, shift in zip(chosen, shifts, strict=True)]
        return in_memory(np.stack(moved), labels[chosen], batch, share, dtype)

    def evaluation(share: Share) -> tf.data.Dataset:
        return in_memory(*filled_up(images[held_out], labels[held_out], batch), batch, share, dtype)

    return Dataset("digits", train, evaluation, steps * batch, EVALUATION_EXAMPLES, steps)


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
