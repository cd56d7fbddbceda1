"""From a JPEG to what a network sees: the standard crops of ImageNet, decoded no further than they reach."""

from __future__ import annotations

import tensorflow as tf

MEAN = (123.675, 116.28, 103.53)
STANDARD_DEVIATION = (58.395, 57.12, 57.375)
"""Of the training images by channel (red, green, blue), as in torchvision's references and in most others."""


def random_crop_and_flip(encoded: tf.Tensor, size: int, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """``[size, size, 3]`` of a random part, mirrored half of the time; ``seed`` is ``[2]`` integers."""
    begin, extent = random_part(tf.io.extract_jpeg_shape(encoded), seed)
    image = _cropped(encoded, tf.concat([begin[:2], extent[:2]], axis=0), size)
    mirrored = tf.random.stateless_uniform([], seed) < 0.5
    return _normal(tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image), dtype)


def random_part(shape: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where a part of an image of this shape begins, and its extent: both ``[3]``, for ``tf.slice``.

    Szegedy et al., "Going Deeper with Convolutions" (2014), section 6: 8 to 100% of the area, at an aspect
    ratio of 3/4 to 4/3.
    """
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.zeros([1, 0, 4]),
        seed=seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    return begin, extent


def center_crop(encoded: tf.Tensor, size: int, dtype: tf.DType) -> tf.Tensor:
    """``[size, size, 3]`` of the central square that leaves 16 pixels of the resized image on every side."""
    height, width = tf.unstack(tf.io.extract_jpeg_shape(encoded)[:2])
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.cast(tf.round(shorter * size / (size + 32)), tf.int32)
    window = tf.stack([(height - side) // 2, (width - side) // 2, side, side])
    return _normal(_cropped(encoded, window, size), dtype)


def _cropped(encoded: tf.Tensor, window: tf.Tensor, size: int) -> tf.Tensor:
    part = tf.io.decode_and_crop_jpeg(encoded, window, channels=3)
    image: tf.Tensor = tf.image.resize(part, [size, size])
    return image


def _normal(image: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.cast((image - tf.constant(MEAN)) / tf.constant(STANDARD_DEVIATION), dtype)
