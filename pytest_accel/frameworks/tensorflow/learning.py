"""Training to a target: epochs over a dataset by a schedule, evaluation, and what it takes to go on later."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import devices, image_classification, image_datasets
from pytest_accel.frameworks.tensorflow.datasets import NO_LABEL, Dataset
from pytest_accel.frameworks.tensorflow.training import Trainer
from pytest_accel.records import DataSource, Training, Workload

_FILE = "variables.npz"

STEPS_UNTIL_ALL_CHANGE = 10
"""Blocks start as identities (``resnet.py``), so gradients reach what is inside of them some steps later."""


def training(workload: Workload, seed: int, data: DataSource) -> Training:
    """The workload with its dataset, initialized with this seed. Raises ValueError and RuntimeError."""
    if workload.parameters["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(seed)
    learner = Learner(workload, image_datasets.dataset(workload, seed, data), seed)
    return Training(
        train_examples=learner.dataset.train_examples,
        evaluation_examples=learner.dataset.evaluation_examples,
        compile=learner.compile,
        train=learner.train,
        evaluate=learner.evaluate,
        save=learner.save,
        restore=learner.restore,
        frozen_variables=learner.frozen_variables,
    )


class Learner:
    """A model in training, and the dataset it is trained on."""

    def __init__(self, workload: Workload, dataset: Dataset, seed: int) -> None:
        parameters: dict[str, Any] = dict(workload.parameters)
        self.epochs: int = parameters["epochs"]
        self.warmup_epochs: float = parameters["warmup_epochs"]
        self.peak_learning_rate: float = parameters["learning_rate"]
        self.dataset = dataset
        spread = devices.strategy()
        with spread.scope():
            self.trainer = image_classification.trainer(workload, spread.num_replicas_in_sync, seed)
            self._rate = self.trainer.learning_rate = tf.Variable(0.0, trainable=False, name="learning_rate")
            self._steps = tf.Variable(0, trainable=False, dtype=tf.int64, name="steps")
        self._spread = spread
        self._step = image_classification.compiled(self.trainer, spread)
        self._right = tf.function(self._count_right, autograph=False, jit_compile=devices.xla())
        self._initial = [_checksum(variable) for variable in self.trainer.variables]

    def compile(self) -> None:
        """By one step of each program, after which everything is as it was."""
        before = [variable.numpy() for variable in self._state()]
        for _, (images, labels) in zip(range(1), self.dataset.training_batches(0), strict=False):
            self._step(images, labels)
        for _, (images, labels) in zip(range(1), self.dataset.evaluation_batches(), strict=False):
            self._right(images, labels)
        for variable, value in zip(self._state(), before, strict=True):
            variable.assign(value)

    def train(self, epoch: int) -> float:
        """One pass over the training set; the mean loss of its steps."""
        losses = []
        for number, (images, labels) in enumerate(self.dataset.training_batches(epoch)):
            self._rate.assign(self.rate_at(epoch * self.dataset.steps_per_epoch + number))
            losses.append(self._step(images, labels))
        self._steps.assign_add(len(losses))
        return float(np.mean([float(loss) for loss in losses]))

    def evaluate(self) -> tuple[float, float]:
        """Shares of the evaluation set that are right at the first guess, and among the first five."""
        counts = np.zeros(3, np.int64)
        for images, labels in self.dataset.evaluation_batches():
            counts += [int(count) for count in self._right(images, labels)]
        first, among_five, examples = counts.tolist()
        if examples != self.dataset.evaluation_examples:
            raise ValueError(
                f"{self.dataset.name}: evaluation saw {examples} examples, not "
                f"{self.dataset.evaluation_examples}: the data is not whole, or cannot be read twice"
            )
        return first / examples, among_five / examples

    def save(self, folder: Path) -> None:
        np.savez(folder / _FILE, *[variable.numpy() for variable in self._state()])

    def restore(self, folder: Path) -> None:
        """All of it or nothing. Raises what NumPy raises for a file that is damaged."""
        state = self._state()
        with np.load(folder / _FILE) as saved:
            values = [saved[f"arr_{number}"] for number in range(len(state))]
        for variable, value in zip(state, values, strict=True):
            variable.assign(value)

    def frozen_variables(self) -> tuple[str, ...]:
        """Trainable variables whose every bit is as it was at the start, though there was time to change."""
        variables, momenta = self.trainer.variables, self.trainer.momenta
        if int(self._steps) < STEPS_UNTIL_ALL_CHANGE:
            return ()
        return tuple(
            f"variable {number} of {len(variables)} ({variable.name.partition(':')[0]} "
            f"{'x'.join(map(str, variable.shape))})"
            for number, (variable, momentum, initial) in enumerate(
                zip(variables, momenta, self._initial, strict=True), 1
            )
            if _checksum(variable) == initial and not self._rounded_away(variable, momentum)
        )

    def _rounded_away(self, variable: tf.Variable, momentum: tf.Variable) -> bool:
        """Whether gradients arrive, and all are too small for float32 to add to the weights."""
        change = self.peak_learning_rate * np.abs(momentum.numpy())
        resolution = np.spacing(np.abs(variable.numpy()))
        return bool(np.any(change > 0) and np.all(change <= resolution / 2))

    def _count_right(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        counts = self._spread.run(self._right_on_replica, args=(images, labels))
        return [self._spread.reduce("SUM", count, axis=None) for count in counts]

    def _right_on_replica(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """How many are right at the first guess, how many among the first five, and how many there are."""
        logits = self.trainer.model(images, training=False)
        real = labels != NO_LABEL
        right = [tf.math.in_top_k(tf.maximum(labels, 0), logits, k) & real for k in (1, 5)]
        return [tf.reduce_sum(tf.cast(each, tf.int32)) for each in (*right, real)]

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then half a cosine: Loshchilov and Hutter, "SGDR" (2017), without restarts."""
        warmup = self.warmup_epochs * self.dataset.steps_per_epoch
        total = self.epochs * self.dataset.steps_per_epoch
        if step < warmup:
            return self.peak_learning_rate * (step + 1) / warmup
        return self.peak_learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))

    def _state(self) -> list[tf.Variable]:
        """All variables that the rest of the training depends on."""
        trainer: Trainer = self.trainer
        scale = trainer.loss_scale
        scaling = [] if scale is None else [scale.value, scale.good_steps]
        return [*trainer.variables, *trainer.momenta, *trainer.model.moving_statistics, *scaling, self._steps]


def _checksum(variable: tf.Variable) -> int:
    return zlib.crc32(variable.numpy().tobytes())
