"""The training of a test that runs in a worker, taken epoch by epoch there on command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records import Epoch
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker import messages
from pytest_accel.worker.trainer import TrainingStarted


class RemoteTraining:
    """The convergence call at which ``test`` waits. Every method raises what those of RemoteTest do.

    ``frozen_variables`` are those that training has left as they were.
    """

    def __init__(self, test: RemoteTest) -> None:
        self._test = test
        self.provenance: Mapping[str, str] = {}
        self.frozen_variables: tuple[str, ...] = ()

    def begin(self, seed: int, checkpoints: Path | None) -> TrainingStarted:
        folder = None if checkpoints is None else str(checkpoints)
        self._test.send(messages.StartTraining(seed, folder), doing="building or compiling")
        begun = self._test.wait_for(messages.TrainingBegun)
        self.provenance = begun.provenance
        return begun.start

    def epoch(self, number: int) -> Epoch:
        self._test.send(messages.TrainEpoch(), doing=f"training epoch {number}")
        trained = self._test.wait_for(messages.EpochTrained)
        self.frozen_variables = trained.frozen_variables
        return trained.epoch
