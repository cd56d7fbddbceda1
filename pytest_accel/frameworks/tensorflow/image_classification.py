"""Workloads that train a network on images: the network and its data, ready to train."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import devices
from pytest_accel.frameworks.tensorflow.resnet import ResNet50
from pytest_accel.frameworks.tensorflow.training import Hyperparameters, Trainer
from pytest_accel.records import Workload

COMPUTE_TYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
SEED = 0


def trainer(workload: Workload, replicas: int, seed: int = SEED) -> Trainer:
    """What each replica trains, in the scope of the strategy.

    Raises ValueError if the global batch does not divide by the replicas.
    """
    parameters: dict[str, Any] = dict(workload.parameters)
    recipe = Hyperparameters(
        num_classes=parameters["num_classes"],
        learning_rate=parameters["learning_rate"],
        momentum=parameters["momentum"],
        weight_decay=parameters["weight_decay"],
        label_smoothing=parameters["label_smoothing"],
    )
    if workload.examples_per_step % replicas:
        raise ValueError(
            f"A global batch of {workload.examples_per_step} does not divide by {replicas} replicas: "
            f"take a multiple of {replicas}."
        )
    model = ResNet50(recipe.num_classes, np.random.default_rng(seed))
    return Trainer(model, recipe, compute_type(workload), replicas)


def compiled(trainer: Trainer, strategy: tf.distribute.Strategy) -> tf.types.experimental.PolymorphicFunction:
    """A step over all replicas as one graph, given what each trains on: the mean loss of the global batch."""

    def step(images: Any, labels: Any) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(trainer.step, args=(images, labels)), axis=None)

    return tf.function(step, autograph=False, jit_compile=devices.xla())


def synthetic_share(workload: Workload, replicas: int) -> tuple[tf.Variable, tf.Variable]:
    """The batch of a replica. All get the same images, as it makes no difference to the time."""
    parameters: dict[str, Any] = dict(workload.parameters)
    batch = workload.examples_per_step // replicas
    return synthetic_batch(batch, parameters["image_size"], parameters["num_classes"], compute_type(workload))


def compute_type(workload: Workload) -> tf.DType:
    """What images and activations are in."""
    return COMPUTE_TYPES[str(workload.parameters["precision"])]


def synthetic_batch(
    batch: int, image_size: int, num_classes: int, dtype: tf.DType
) -> tuple[tf.Variable, tf.Variable]:
    """Images of standard normal noise with random labels, on the device; the same ones every time."""
    shape = [batch, image_size, image_size, 3]
    images = tf.random.stateless_normal(shape, [SEED, 0], dtype=dtype)
    labels = tf.random.stateless_uniform([batch], [SEED, 1], 0, num_classes, tf.int64)
    return tf.Variable(images, trainable=False), tf.Variable(labels, trainable=False)
