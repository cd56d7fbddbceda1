"""A run in the process of the test itself, for debugging: a debugger reaches every step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_accel.records import Conditions, Epoch, Run, TrainingPlan, Workload
from pytest_accel.records.plans import RunSize
from pytest_accel.runs.time_blocks import measure_steps
from pytest_accel.runs.train_epochs import train
from pytest_accel.worker.step_timer import StepTimer
from pytest_accel.worker.trainer import TrainingRun, TrainingStarted


class InProcess:
    """Gives the one run that this process has. Start-up is not part of it, so it counts as 0 s.

    ``provenance`` is asked with the name of the framework; ``as_stored`` is as in FreshRuns.
    """

    min_samples = 1

    def __init__(
        self,
        measurement: StepTimer,
        size: Callable[[Workload], RunSize],
        sample_conditions: Callable[[], Conditions],
        provenance: Callable[[str], Mapping[str, str]],
        *,
        as_stored: Callable[[Workload, str], Workload] = lambda workload, _: workload,
    ) -> None:
        self._measurement = measurement
        self._size = size
        self._as_stored = as_stored
        self._sample_conditions = sample_conditions
        self._provenance = provenance

    def next(self) -> Run:
        announced = self._measurement.plan.workload.framework

        def workload() -> Workload:
            return self._as_stored(self._measurement.plan.workload, announced)

        steps = measure_steps(
            self._measurement,
            lambda: self._size(workload()),
            startup_time_s=0.0,
            sample_conditions=self._sample_conditions,
        )
        return Run(workload(), steps, self._provenance(workload().framework))


class TrainingInProcess:
    """The same for training: one run, with the first seed and without checkpoints, timed by ``clock``."""

    min_samples = 1

    def __init__(
        self,
        plan: TrainingPlan,
        sample_conditions: Callable[[], Conditions],
        provenance: Callable[[str], Mapping[str, str]],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._plan = plan
        self._sample_conditions = sample_conditions
        self._provenance = provenance
        self._clock = clock
        self._training: TrainingRun | None = None

    def next(self) -> Run:
        plan = self._plan
        curve = train(
            self,
            plan.epochs,
            plan.seeds[0],
            checkpoints=None,
            startup_time_s=0.0,
            sample_conditions=self._sample_conditions,
            on_progress=lambda _number, _epoch: None,
        )
        return Run(plan.workload, curve, self._provenance(plan.workload.framework))

    def begin(self, seed: int, checkpoints: Path | None) -> TrainingStarted:
        self._training = TrainingRun(self._plan, seed, checkpoints, software={}, clock=self._clock)
        return self._training.begin()

    def epoch(self, number: int) -> Epoch:
        assert self._training is not None
        return self._training.epoch()

    @property
    def frozen_variables(self) -> tuple[str, ...]:
        return () if self._training is None else self._training.frozen_variables()
