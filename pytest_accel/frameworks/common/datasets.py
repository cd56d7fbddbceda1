"""What a dataset is to training, whichever it is and in whatever framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pytest_accel.records import Workload

PADDING_LABEL = -1
"""Label of padding examples in the last evaluation batch."""


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """Global batches of images ``[batch, height, width, 3]`` and labels ``[batch]``, on the devices.

    ``train_examples`` are those of an epoch, so what does not fill a global batch is left out. The evaluation
    leaves nothing out: its last batch is filled up with examples of ``PADDING_LABEL``. ``name`` is for
    messages.
    """

    name: str
    train_examples: int
    evaluation_examples: int
    steps_per_epoch: int

    @abstractmethod
    def read_training(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch, from 0: the same ones whenever they are asked for."""

    @abstractmethod
    def evaluation_batches(self) -> Iterator[Any]:
        """Those of the evaluation set. Raises an error that names what cannot be read."""

    def training_batches(self, epoch: int) -> Iterator[Any]:
        """As many as an epoch has steps.

        Raises an error that names what cannot be read, and ValueError where the data ends early.
        """
        steps = 0
        for batch in self.read_training(epoch):
            yield batch
            steps += 1
        if steps != self.steps_per_epoch:
            raise ValueError(
                f"{self.name}: epoch {epoch + 1} ends after {steps} of {self.steps_per_epoch} steps: there "
                f"are fewer than {self.train_examples} training examples, or they cannot be read twice"
            )


AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def checked(dataset: AnyDataset, workload: Workload) -> AnyDataset:
    """The same. Raises ValueError if there is nothing to train on, or to evaluate."""
    name = workload.parameters["dataset"]
    if dataset.steps_per_epoch == 0:
        raise ValueError(
            f"{name}: a global batch of {workload.examples_per_step} is larger than the training set; take a "
            "smaller global_batch"
        )
    if dataset.evaluation_examples == 0:
        raise ValueError(f"{name}: the evaluation set is empty")
    return dataset


def pad_to_batch(images: np.ndarray, labels: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with as many examples of ``PADDING_LABEL`` as the last batch lacks."""
    missing = -len(labels) % batch
    blank = np.zeros((missing, *images.shape[1:]), images.dtype)
    none = np.full(missing, PADDING_LABEL, labels.dtype)
    return np.concatenate([images, blank]), np.concatenate([labels, none])
