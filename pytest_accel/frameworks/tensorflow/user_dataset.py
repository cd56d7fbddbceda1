"""A dataset of the user's own: two ``tf.data.Dataset``s of single examples, made ready for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.common.datasets import PADDING_LABEL
from pytest_accel.frameworks.tensorflow.datasets import Dataset, Share

SHUFFLED_AT_ONCE = 10_000


def own_data(
    make: Callable[[], Any], batch: int, image_size: int, num_classes: int, dtype: tf.DType, seed: int
) -> Dataset:
    """``make()`` gives the training and the evaluation set, of images ``[size, size, 3]`` and their classes.

    Raises ValueError for what is not that.
    """
    name = f"dataset {make.__qualname__}()"
    made = make()
    if not isinstance(made, tuple) or len(made) != 2 or not all(isinstance(m, tf.data.Dataset) for m in made):
        raise ValueError(
            f"{name} gives {type(made).__name__}; give two tf.data.Datasets: training and evaluation"
        )
    training, held_out = (_checked(name, one, image_size) for one in made)
    examples, evaluation_examples = _count(name, training), _count(name, held_out)
    steps = examples // batch

    out_of_range = f"{name}: a label is outside 0 to num_classes - 1 = {num_classes - 1}"

    def ready(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        label = tf.cast(label, tf.int64)
        in_range = tf.debugging.Assert((label >= 0) & (label < num_classes), [out_of_range, label])
        with tf.control_dependencies([in_range]):
            return tf.cast(image, dtype), label

    def batches(examples: tf.data.Dataset, count: int, share: Share) -> tf.data.Dataset:
        whole = examples.batch(share.get_per_replica_batch_size(batch), drop_remainder=True).take(count)
        return whole.shard(share.num_input_pipelines, share.input_pipeline_id).prefetch(tf.data.AUTOTUNE)

    def train(epoch: int, share: Share) -> tf.data.Dataset:
        drawn = int(np.random.default_rng([seed, epoch]).integers(2**31))
        shuffled = training.shuffle(
            min(examples, SHUFFLED_AT_ONCE), seed=drawn, reshuffle_each_iteration=False
        )
        return batches(shuffled.map(ready), steps * share.num_replicas_in_sync, share)

    def evaluation(share: Share) -> tf.data.Dataset:
        blank = (tf.zeros([image_size, image_size, 3], dtype), tf.constant(PADDING_LABEL, tf.int64))
        missing = tf.data.Dataset.from_tensors(blank).repeat(-evaluation_examples % batch)
        return batches(held_out.map(ready).concatenate(missing), -1, share)

    def explain(error: tf.errors.OpError) -> Exception:
        return ValueError(out_of_range if out_of_range in str(error) else f"{name}: {error.message}")

    return Dataset(
        name=name,
        train=train,
        evaluation=evaluation,
        train_examples=steps * batch,
        evaluation_examples=evaluation_examples,
        steps_per_epoch=steps,
        explain=explain,
    )


def _checked(name: str, dataset: tf.data.Dataset, image_size: int) -> tf.data.Dataset:
    spec = dataset.element_spec
    shapes = [one.shape for one in spec] if isinstance(spec, tuple) else []
    if (
        len(shapes) != 2
        or not shapes[0].is_compatible_with([image_size, image_size, 3])
        or shapes[1].rank != 0
    ):
        raise ValueError(
            f"{name} has elements of {spec}; give (image [{image_size}, {image_size}, 3], label []), one "
            "example each, or another image_size"
        )
    image, label = (one.dtype for one in spec)
    if not (image.is_floating or image.is_integer) or not label.is_integer:
        raise ValueError(
            f"{name} has images of {image.name} and labels of {label.name}; give numbers and integers"
        )
    return dataset


def _count(name: str, dataset: tf.data.Dataset) -> int:
    count = int(dataset.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{name} repeats for ever: leave out .repeat(), epochs are counted for you")
    return count if count >= 0 else sum(1 for _ in dataset)
