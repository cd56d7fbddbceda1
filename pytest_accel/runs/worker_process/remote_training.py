"""The training of a test that runs in a child, taken epoch by epoch there on command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records import Epoch, json_codec
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker.trainer import Begun


class RemoteTraining:
    """The convergence call at which ``test`` waits. Every method raises what those of RemoteTest do.

    ``frozen_variables`` are those that training has left as they were.
    """

    def __init__(self, test: RemoteTest) -> None:
        self._test = test
        self.provenance: Mapping[str, str] = {}
        self.frozen_variables: tuple[str, ...] = ()

    def begin(self, seed: int, checkpoints: Path | None) -> Begun:
        folder = None if checkpoints is None else str(checkpoints)
        self._test.send("begin", doing="building or compiling", seed=seed, checkpoints=folder)
        answer = self._test.until("begun")
        self.provenance = answer["provenance"]
        return json_codec.decode(Begun, answer["begun"])

    def epoch(self, number: int) -> Epoch:
        self._test.send("epoch", doing=f"training epoch {number}")
        answer = self._test.until("epoch")
        self.frozen_variables = tuple(answer["frozen"])
        return json_codec.decode(Epoch, answer["epoch"])
