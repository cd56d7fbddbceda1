"""The 1,797 real handwritten digits that scikit-learn ships, as images for a convolutional network.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning Repository: 8x8
pixels of 17 grey levels. Here they are 32x32 or what else is asked for, with three equal channels.
"""

from __future__ import annotations

import numpy as np

from pytest_accel.frameworks.common.datasets import pad_to_batch

EVALUATION_EXAMPLES = 360
"""A fifth, drawn once and the same for every seed."""

SHIFT = 1 / 8
"""Training images are shifted by up to this share of their size in each direction."""

CLASSES = 10


class Digits:
    """Images ``[examples, size, size, 3]`` in float32 and labels ``[examples]``, in an order drawn by a seed.

    Raises RuntimeError, which says what to install, if scikit-learn is not there, and ValueError for fewer
    classes than there are digits.
    """

    def __init__(self, batch: int, image_size: int, num_classes: int, seed: int) -> None:
        if num_classes < CLASSES:
            raise ValueError(f'dataset="digits" has {CLASSES} classes: num_classes={num_classes} is too few')
        self._images, self._labels = _resized(image_size)
        order = np.random.default_rng(0).permutation(len(self._labels))
        self._held_out, self._rest = order[:EVALUATION_EXAMPLES], order[EVALUATION_EXAMPLES:]
        self._batch, self._seed = batch, seed
        self.steps_per_epoch = len(self._rest) // batch

    def training(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Whole global batches, one after the other."""
        rng = np.random.default_rng([self._seed, epoch])
        chosen = rng.permutation(self._rest)[: self.steps_per_epoch * self._batch]
        size = self._images.shape[1]
        most = int(SHIFT * size)
        shifts = rng.integers(-most, most, (len(chosen), 2), endpoint=True)
        moved = np.empty((len(chosen), *self._images.shape[1:]), np.float32)
        for place, index, shift in zip(moved, chosen, shifts, strict=True):
            place[:] = _shifted(self._images[index], shift)
        return moved, self._labels[chosen]

    def evaluation(self) -> tuple[np.ndarray, np.ndarray]:
        """Those held out, filled up to whole global batches."""
        return pad_to_batch(self._images[self._held_out], self._labels[self._held_out], self._batch)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """``[count, height, width]`` in float32 as ``[count, size, size]``, by bilinear interpolation.

    Between the centers of pixels, without smoothing where it makes images smaller: as ``tf.image.resize``.
    """
    _, height, width = images.shape
    above, below, down = _neighbours(size, height)
    left, right, across = _neighbours(size, width)
    rows = images[:, above] + (images[:, below] - images[:, above]) * down[:, np.newaxis]
    between: np.ndarray = rows[:, :, left] + (rows[:, :, right] - rows[:, :, left]) * across
    return between


def _neighbours(size: int, before: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new pixel the old ones on either side, and how far it is from the first to the second."""
    position = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(before / size)
    position -= np.float32(0.5)
    whole = np.floor(position)
    first = np.maximum(whole.astype(np.int64), 0)
    second = np.minimum(np.ceil(position).astype(np.int64), before - 1)
    return first, second, position - whole


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
    large = resized(loaded.images.astype(np.float32), image_size)
    normal = (large - large.mean()) / large.std()
    return np.repeat(normal[..., np.newaxis], 3, axis=3), loaded.target.astype(np.int64)


def _shifted(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Shift down and to the right by this many pixels; what comes in is background."""
    moved = np.full_like(image, image.min())
    (down, right), size = shift, len(image)
    to_rows, to_columns = (
        slice(max(0, down), size + min(0, down)),
        slice(max(0, right), size + min(0, right)),
    )
    rows, columns = (
        slice(max(0, -down), size + min(0, -down)),
        slice(max(0, -right), size + min(0, -right)),
    )
    moved[to_rows, to_columns] = image[rows, columns]
    return moved
