"""Training with one seed in this process, epoch by epoch on command, with the clocks kept apart."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_accel.records import Epoch, Training, TrainingPlan, json_codec
from pytest_accel.worker import code_fingerprint

__tracebackhide__ = True  # pytest then shows the user's own lines only

_PROGRESS = "progress.json"
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    zipfile.BadZipFile,
    json_codec.CodecError,
)
"""What reading a checkpoint may raise that was damaged."""


@dataclass(frozen=True)
class TrainingStarted:
    """What it took to begin, in seconds, the sizes of the two sets, and the epochs that were there before."""

    build_time_s: float
    compile_time_s: float
    train_examples: int
    evaluation_examples: int
    epochs: tuple[Epoch, ...]


class TrainingRun:
    """One plan with one seed. ``clock`` counts seconds.

    With a folder for ``checkpoints``, what an earlier process with the same ``software``, code and data left
    there is continued: training that was interrupted at any point ends with the same weights as training that
    was not.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        seed: int,
        checkpoints: Path | None = None,
        *,
        software: Mapping[str, str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._checkpoints = checkpoints
        self._software = dict(software)
        self._clock = clock
        self._training: Training | None = None
        self._epochs: list[Epoch] = []
        self._same: dict[str, Any] = {}

    def begin(self) -> TrainingStarted:
        """Build and compile. Raises whatever that raises."""
        start = self._clock()
        training = self._training = self._plan.build(self._seed)
        built = self._clock()
        training.compile()
        compiled = self._clock()
        if self._checkpoints is not None:
            self._same = {
                "software": self._software,
                "code": code_fingerprint.fingerprint(),
                "examples": [training.train_examples, training.evaluation_examples],
            }
            self._resume(training)
        return TrainingStarted(
            built - start,
            compiled - built,
            training.train_examples,
            training.evaluation_examples,
            tuple(self._epochs),
        )

    def epoch(self) -> Epoch:
        """Train one epoch, evaluate, and keep both. Raises whatever training raises."""
        training = self._training
        if training is None:
            raise RuntimeError("begin() comes before epoch()")
        start = self._clock()
        loss = training.train(len(self._epochs))
        trained = self._clock()
        top1, top5 = training.evaluate()
        epoch = Epoch(loss, top1, top5, trained - start, self._clock() - trained)
        self._epochs.append(epoch)
        if math.isfinite(loss):  # training cannot go on from weights that are NaN
            self._keep(training)
        return epoch

    def frozen_variables(self) -> tuple[str, ...]:
        """Trainable variables that training left as they were."""
        assert self._training is not None
        return self._training.frozen_variables()

    def _resume(self, training: Training) -> None:
        """Go on with the latest that is whole and of the same software, code and data, if there is one."""
        for folder in self._saved():
            try:
                left = json.loads((folder / _PROGRESS).read_text())
                epochs = [json_codec.decode(Epoch, epoch) for epoch in left["epochs"]]
                if left["same"] != self._same:
                    continue
                training.restore(folder)
            except _UNREADABLE:
                continue
            self._epochs = epochs
            return

    def _keep(self, training: Training) -> None:
        """A new folder after every epoch, complete once it has its final name; then the one before goes.

        Where it cannot be written, such as on a full disk, training goes on without.
        """
        if self._checkpoints is None:
            return
        before = self._saved()
        folder = self._checkpoints / f"after-{len(self._epochs):05}"
        unfinished = folder.with_suffix(f".{os.getpid()}.tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        epochs = [json_codec.encode(epoch) for epoch in self._epochs]
        try:
            unfinished.mkdir(parents=True)
            training.save(unfinished)
            (unfinished / _PROGRESS).write_text(json.dumps({"same": self._same, "epochs": epochs}))
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.replace(folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            return
        for old in before:
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)

    def _saved(self) -> list[Path]:
        """Complete ones, the latest first."""
        if self._checkpoints is None:
            return []
        return sorted(self._checkpoints.glob("after-?????"), reverse=True)
