"""Workloads that train a network on images: the network and its data, ready to train."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow.resnet import ResNet50
from pytest_accel.frameworks.tensorflow.training import Recipe, Trainer
from pytest_accel.records import Workload

COMPUTE_TYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
SEED = 0


def resnet50(workload: Workload, replicas: int) -> Trainer:
    """What each replica trains. All get the same synthetic images, as it makes no difference to the time.

    Raises ValueError if the global batch does not divide by the replicas.
    """
    parameters: dict[str, Any] = dict(workload.parameters)
    batch, rest = divmod(workload.examples_per_step, replicas)
    if rest:
        raise ValueError(
            f"A global batch of {workload.examples_per_step} does not divide by {replicas} replicas: "
            f"take a multiple of {replicas}."
        )
    recipe = Recipe(
        num_classes=parameters["num_classes"],
        learning_rate=parameters["learning_rate"],
        momentum=parameters["momentum"],
        weight_decay=parameters["weight_decay"],
        label_smoothing=parameters["label_smoothing"],
    )
    compute_type = COMPUTE_TYPES[parameters["precision"]]
    images, labels = synthetic_batch(batch, parameters["image_size"], recipe.num_classes, compute_type)
    model = ResNet50(recipe.num_classes, np.random.default_rng(SEED))
    return Trainer(model, images, labels, recipe, replicas)


def synthetic_batch(
    batch: int, image_size: int, num_classes: int, compute_type: tf.DType
) -> tuple[tf.Variable, tf.Variable]:
    """Images of standard normal noise with random labels, on the device; the same ones every time."""
    shape = [batch, image_size, image_size, 3]
    images = tf.random.stateless_normal(shape, [SEED, 0], dtype=compute_type)
    labels = tf.random.stateless_uniform([batch], [SEED, 1], 0, num_classes, tf.int64)
    return tf.Variable(images, trainable=False), tf.Variable(labels, trainable=False)
