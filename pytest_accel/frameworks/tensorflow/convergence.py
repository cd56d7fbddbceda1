"""Training to a target: the programs of TensorFlow for a step and for the evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.common import training_loop
from pytest_accel.frameworks.common.datasets import PADDING_LABEL
from pytest_accel.frameworks.common.frozen_variables import Variable
from pytest_accel.frameworks.tensorflow import devices, image_classification, image_datasets
from pytest_accel.frameworks.tensorflow.training import Trainer
from pytest_accel.records import DataSource, Training, Workload


def training(workload: Workload, seed: int, data: DataSource) -> Training:
    """The workload with its dataset, initialized with this seed. Raises ValueError and RuntimeError."""
    image_datasets.make_reproducible(workload, seed)
    dataset = image_datasets.dataset(workload, seed, data)
    return training_loop.training(workload, dataset, TrainState(workload, seed))


class TrainState:
    """A model in training: :class:`training_loop.TrainState` in TensorFlow."""

    def __init__(self, workload: Workload, seed: int) -> None:
        strategy = devices.strategy()
        with strategy.scope():
            self.trainer = image_classification.trainer(workload, strategy.num_replicas_in_sync, seed)
            self._rate = self.trainer.learning_rate = tf.Variable(0.0, trainable=False, name="learning_rate")
        self._strategy = strategy
        self._step = image_classification.compiled(self.trainer, strategy)
        self._counts = tf.function(self._correct, autograph=False, jit_compile=devices.xla())

    def step(self, rate: float, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        self._rate.assign(rate)
        return self._step(images, labels)

    def count_correct(self, images: tf.Tensor, labels: tf.Tensor) -> Sequence[tf.Tensor]:
        counts: Sequence[tf.Tensor] = self._counts(images, labels)
        return counts

    def variables(self) -> list[Variable]:
        trainer = self.trainer
        return [
            Variable(variable.name.partition(":")[0], variable.numpy(), momentum.numpy())
            for variable, momentum in zip(trainer.variables, trainer.momentum_buffers, strict=True)
        ]

    def state(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._state()]

    def set_state(self, state: Sequence[np.ndarray]) -> None:
        for variable, value in [*zip(self._state(), state, strict=True)]:
            variable.assign(value)

    def _state(self) -> list[tf.Variable]:
        """All variables that the rest of the training depends on; statistics are each replica's own."""
        trainer: Trainer = self.trainer
        scale = trainer.loss_scale
        scaling = [] if scale is None else [scale.value, scale.good_steps]
        statistics = [
            own for moving in trainer.model.moving_statistics for own in getattr(moving, "values", (moving,))
        ]
        return [*trainer.variables, *trainer.momentum_buffers, *statistics, *scaling]

    def _correct(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        counts = self._strategy.run(self._correct_on_replica, args=(images, labels))
        return [self._strategy.reduce("SUM", count, axis=None) for count in counts]

    def _correct_on_replica(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        logits = self.trainer.model(images, training=False)
        real = labels != PADDING_LABEL
        correct = [tf.math.in_top_k(tf.maximum(labels, 0), logits, k) & real for k in (1, 5)]
        return [tf.reduce_sum(tf.cast(each, tf.int32)) for each in (*correct, real)]
