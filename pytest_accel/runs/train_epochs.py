"""One run of training, observed: epoch after epoch, to the last."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pytest_accel import hardware
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.records import Conditions, Curve, Epoch
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.watched_parts import WatchedParts
from pytest_accel.worker.trainer import TrainingStarted


class EpochRunner(Protocol):
    """Training that can be taken epoch by epoch: in this process, or in a worker."""

    @property
    def frozen_variables(self) -> tuple[str, ...]: ...

    def begin(self, seed: int, checkpoints: Path | None) -> TrainingStarted: ...

    def epoch(self, number: int) -> Epoch: ...


def train(
    subject: EpochRunner,
    epochs: int,
    seed: int,
    *,
    checkpoints: Path | None,
    startup_time_s: float,
    sample_conditions: Callable[[], Conditions],
    watch: Callable[[], OtherPrograms | None] = lambda: None,
    on_progress: Callable[[int, Epoch], None],
) -> Curve:
    """Train ``epochs`` epochs; ``sample_conditions`` is called before and after each, ``watch`` once begun.

    ``on_progress`` hears of every epoch, also of those that an earlier process trained.

    Raises InvalidRun for training that diverges, and for a share that is none.
    """
    conditions = [sample_conditions()]
    begun = subject.begin(seed, checkpoints)
    trained = list(begun.epochs)
    for number, epoch in enumerate(trained, 1):
        _check(epoch, number, seed)
        on_progress(number, epoch)
    others = WatchedParts(watch())
    while len(trained) < epochs:
        number = len(trained) + 1
        epoch = subject.epoch(number)
        others.part_ended()
        _check(epoch, number, seed)
        on_progress(number, epoch)
        trained.append(epoch)
        conditions.append(sample_conditions())
    return Curve(
        seed=seed,
        epochs=tuple(trained),
        train_examples=begun.train_examples,
        evaluation_examples=begun.evaluation_examples,
        startup_time_s=startup_time_s,
        build_time_s=begun.build_time_s,
        compile_time_s=begun.compile_time_s,
        frozen_variables=subject.frozen_variables,
        epochs_before=len(begun.epochs),
        conditions=dataclasses.replace(hardware.merge(conditions), other_programs=others.programs),
        others_share=others.shares,
    )


def _check(epoch: Epoch, number: int, seed: int) -> None:
    if not math.isfinite(epoch.loss):
        raise InvalidRun(f"training with seed {seed} diverges: the loss is {epoch.loss:g} in epoch {number}")
    for name, share in (("top-1", epoch.top1), ("top-5", epoch.top5)):
        if not 0 <= share <= 1:
            raise InvalidRun(f"{name} is {share:g} after epoch {number}, which is not between 0 and 1")
