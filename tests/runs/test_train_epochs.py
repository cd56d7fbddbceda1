"""Training, observed epoch by epoch: what is kept of it, and of what other programs did meanwhile."""

from __future__ import annotations

import math

import pytest

from pytest_accel.hardware.other_programs import Usage
from pytest_accel.records import Conditions, Epoch
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.train_epochs import train
from pytest_accel.worker.trainer import TrainingStarted

BUSY = Usage(1.5, 2, "make (pid 7)", 0.98)
QUIET = Usage(0.02, 2, "sshd (pid 1)", 0.02)


class Training:
    """Gives epochs, after those that an earlier process trained."""

    frozen_variables = ()

    def __init__(self, *, before=0, loss=0.5):
        self._before = tuple(Epoch(0.5, 0.9, 0.99, 2.0, 0.1) for _ in range(before))
        self._loss = loss

    def begin(self, seed, checkpoints):
        return TrainingStarted(1.0, 1.0, 1000, 100, self._before)

    def epoch(self, number):
        return Epoch(self._loss, 0.9, 0.99, 2.0, 0.1)


class Others:
    """Says what other programs did during each epoch."""

    def __init__(self, *answers):
        self._answers = iter(answers)

    def usage(self):
        return next(self._answers, None)


def curve(subject, others=None, epochs=4):
    return train(
        subject,
        epochs,
        3,
        checkpoints=None,
        startup_time_s=1.0,
        sample_conditions=Conditions,
        watch=lambda: others,
        on_progress=lambda _number, _epoch: None,
    )


def test_what_others_did_is_known_for_each_epoch_of_this_process():
    seen = curve(Training(before=1), Others(QUIET, BUSY, QUIET))
    assert len(seen.epochs) == 4
    assert seen.others_share == (0.01, 0.75, 0.01)
    assert seen.conditions.other_programs == ("make (pid 7)",)


def test_without_anybody_who_watches_nothing_is_known():
    assert curve(Training()).others_share == ()
    assert curve(Training(before=4), Others(BUSY)).others_share == ()


def test_a_loss_that_is_not_finite_ends_it_and_is_named():
    with pytest.raises(InvalidRun, match="training with seed 3 diverges: the loss is nan in epoch 1"):
        curve(Training(loss=math.nan))
