"""Training to a target: epochs over a dataset by a schedule, evaluation, and what it takes to go on later.

A framework brings a :class:`TrainState`; all the rest is the same in every framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pytest_accel.frameworks.common.datasets import Dataset
from pytest_accel.frameworks.common.frozen_variables import Variable, checksums, frozen
from pytest_accel.frameworks.common.schedule import learning_rate
from pytest_accel.records import Training, Workload

_FILE = "variables.npz"


class TrainState(Protocol):
    """A network in training on the devices. Batches are such as its framework's datasets give."""

    def step(self, rate: float, images: Any, labels: Any) -> Any:
        """Begin one step at this learning rate. Gives the mean loss of the global batch, for float()."""

    def count_correct(self, images: Any, labels: Any) -> Sequence[Any]:
        """How many are right at the first guess, how many among the first five, and how many there are."""

    def variables(self) -> list[Variable]:
        """All trainable variables, by their names in the network."""

    def state(self) -> list[np.ndarray]:
        """Copies of all arrays that the rest of the training depends on."""

    def set_state(self, state: Sequence[np.ndarray]) -> None:
        """Put back what :meth:`state` gave. Raises ValueError for another number of arrays."""


def training(workload: Workload, dataset: Dataset, learner: TrainState) -> Training:
    """The learner on this dataset, by the schedule of the workload."""
    course = _Course(workload, dataset, learner)
    return Training(
        train_examples=dataset.train_examples,
        evaluation_examples=dataset.evaluation_examples,
        compile=course.compile,
        train=course.train,
        evaluate=course.evaluate,
        save=course.save,
        restore=course.restore,
        frozen_variables=course.frozen_variables,
    )


class _Course:
    def __init__(self, workload: Workload, dataset: Dataset, learner: TrainState) -> None:
        parameters: dict[str, Any] = dict(workload.parameters)
        steps = dataset.steps_per_epoch
        self._highest: float = parameters["learning_rate"]
        self._warmup_steps: float = parameters["warmup_epochs"] * steps
        self._all_steps: int = parameters["epochs"] * steps
        self._steps = 0
        self.dataset = dataset
        self.learner = learner
        self._initial = checksums(learner.variables())

    def compile(self) -> None:
        """By one step of each program, after which everything is as it was."""
        before = self.learner.state()
        for _, (images, labels) in zip(range(1), self.dataset.training_batches(0), strict=False):
            float(self.learner.step(0.0, images, labels))
        for _, (images, labels) in zip(range(1), self.dataset.evaluation_batches(), strict=False):
            [int(count) for count in self.learner.count_correct(images, labels)]
        self.learner.set_state(before)

    def train(self, epoch: int) -> float:
        """One pass over the training set; the mean loss of its steps."""
        losses = []
        first = epoch * self.dataset.steps_per_epoch
        for number, (images, labels) in enumerate(self.dataset.training_batches(epoch), first):
            rate = learning_rate(
                number, highest=self._highest, warmup_steps=self._warmup_steps, steps=self._all_steps
            )
            losses.append(self.learner.step(rate, images, labels))
        self._steps += len(losses)
        return float(np.mean([float(loss) for loss in losses]))

    def evaluate(self) -> tuple[float, float]:
        """Shares of the evaluation set that are right at the first guess, and among the first five."""
        counts = np.zeros(3, np.int64)
        for images, labels in self.dataset.evaluation_batches():
            counts += [int(count) for count in self.learner.count_correct(images, labels)]
        first, among_five, examples = counts.tolist()
        if examples != self.dataset.evaluation_examples:
            raise ValueError(
                f"{self.dataset.name}: evaluation saw {examples} examples, not "
                f"{self.dataset.evaluation_examples}: the data is not whole, or cannot be read twice"
            )
        return first / examples, among_five / examples

    def save(self, folder: Path) -> None:
        np.savez(folder / _FILE, *self.learner.state(), np.int64(self._steps))

    def restore(self, folder: Path) -> None:
        """All of it or nothing. Raises what NumPy raises for a file that is damaged."""
        with np.load(folder / _FILE) as saved:
            *state, steps = (saved[f"arr_{number}"] for number in range(len(saved.files)))
        self.learner.set_state(state)
        self._steps = int(steps)

    def frozen_variables(self) -> tuple[str, ...]:
        return frozen(self.learner.variables(), self._initial, steps=self._steps, learning_rate=self._highest)
