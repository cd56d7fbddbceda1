"""Training that goes on where an earlier process was ended, and what it does not go on with.

A small network stands in for a framework's: what is kept, checked and taken up again is the same for all. The
tests of each framework show that its own network comes to the same curve.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_accel.api.workloads import training
from pytest_accel.frameworks.common import training_loop as shared
from pytest_accel.frameworks.common.frozen_variables import Variable
from pytest_accel.records import TrainingPlan
from pytest_accel.worker.trainer import TrainingRun

EPOCHS = 3
SOFTWARE = {"tensorflow": "2.21.0"}


class Line:
    """A line that is fitted: two weights and their momenta."""

    def __init__(self, seed):
        self.weights = np.random.default_rng(seed).normal(size=2)
        self.momentum_buffers = np.zeros(2)

    def step(self, rate, images, labels):
        errors = images @ self.weights - labels
        self.momentum_buffers = 0.9 * self.momentum_buffers + images.T @ errors / len(labels)
        self.weights = self.weights - rate * self.momentum_buffers
        return np.mean(errors**2)

    def count_correct(self, images, labels):
        right = int(np.sum(np.abs(images @ self.weights - labels) < 0.5))
        return right, right, len(labels)

    def variables(self):
        return [Variable("weights", self.weights, self.momentum_buffers)]

    def state(self):
        return [self.weights.copy(), self.momentum_buffers.copy()]

    def set_state(self, state):
        self.weights, self.momentum_buffers = state


class Points:
    """Of the size given, drawn anew in each epoch."""

    name = "points"
    evaluation_examples = 8
    steps_per_epoch = 4

    def __init__(self, train_examples):
        self.train_examples = train_examples

    def training_batches(self, epoch):
        for step in range(self.steps_per_epoch):
            rng = np.random.default_rng([epoch, step])
            images = rng.normal(size=(4, 2))
            yield images, images.sum(1)

    def evaluation_batches(self):
        images = np.random.default_rng(99).normal(size=(8, 2))
        yield images, images.sum(1)


@pytest.fixture
def begun(tmp_path):
    """``begun()`` is training that has begun, with what was there before; it keeps its checkpoints."""
    spec = training(
        "resnet50", framework="tensorflow", dataset="digits", epochs=EPOCHS, target=0.5, learning_rate=0.1
    )

    def begun(seed=0, software=SOFTWARE, examples=16):
        plan = TrainingPlan(
            spec, EPOCHS, 0.5, (0,), lambda number: shared.training(spec, Points(examples), Line(number))
        )
        one = TrainingRun(plan, seed, tmp_path, software=software)
        return one, one.begin()

    return begun


def numbers(epochs):
    return [(epoch.loss, epoch.top1, epoch.top5) for epoch in epochs]


def test_each_epoch_in_a_process_of_its_own_gives_the_same_curve(begun, tmp_path):
    whole, _ = begun()
    uninterrupted = numbers([whole.epoch() for _ in range(EPOCHS)])
    for left in list(tmp_path.iterdir()):
        left.rename(left.with_suffix(".aside"))
    for _ in range(EPOCHS):
        one, before = begun()
        epochs = [*before.epochs, one.epoch()]
    assert numbers(epochs) == uninterrupted
    assert len({loss for loss, _, _ in uninterrupted}) == EPOCHS


@pytest.mark.parametrize("changed", [{"software": {"tensorflow": "2.22.0"}}, {"examples": 20}])
def test_other_software_or_data_is_not_gone_on_with(begun, changed):
    begun()[0].epoch()
    assert len(begun()[1].epochs) == 1
    assert begun(**changed)[1].epochs == ()


def test_other_code_is_not_gone_on_with(begun, monkeypatch):
    begun()[0].epoch()
    monkeypatch.setattr(
        "pytest_accel.worker.trainer.code_fingerprint", SimpleNamespace(fingerprint=lambda: "other")
    )
    assert begun()[1].epochs == ()


@pytest.mark.parametrize("file", ["progress.json", "variables.npz"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_not_gone_on_with(begun, tmp_path, file, content):
    begun()[0].epoch()
    damaged = tmp_path / "after-00001" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)
    again, before = begun()
    assert before.epochs == ()
    again.epoch()
    assert len(begun()[1].epochs) == 1


class Planted:
    """Writes a file when it is loaded as a pickle."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_where_nothing_can_be_kept_training_goes_on_without(begun, tmp_path, monkeypatch):
    """A full disk costs what an interrupted run would have saved, and not the training."""
    kept, _ = begun()
    expected = numbers([kept.epoch() for _ in range(EPOCHS)])
    for left in list(tmp_path.iterdir()):
        shutil.rmtree(left)

    def full(file, *_arrays, **_named):
        Path(file).write_text("half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    one, _ = begun()
    assert numbers([one.epoch() for _ in range(EPOCHS)]) == expected
    assert list(tmp_path.iterdir()) == []


def test_no_pickle_is_loaded_from_a_checkpoint(begun, tmp_path):
    begun()[0].epoch()
    executed = tmp_path / "executed"
    arrays = np.array([Planted(executed)], dtype=object)
    np.savez(tmp_path / "after-00001" / "variables.npz", arrays)
    assert begun()[1].epochs == ()
    assert not executed.exists()


def test_what_a_killed_process_left_half_written_is_overwritten(begun, tmp_path):
    one, _ = begun()
    one.epoch()
    (tmp_path / "after-00002.123.tmp").mkdir()
    again, before = begun()
    assert len(before.epochs) == 1
    again.epoch()
    assert len(begun()[1].epochs) == 2
