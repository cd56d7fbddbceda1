"""Fresh runs: every run is a child pytest session that runs the same test in a new process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import pytest

from pytest_accel.records import Curve, Observation, Run, Steps, Workload
from pytest_accel.samplers import InvalidRun
from pytest_accel.samplers.checkpoints import checkpoints
from pytest_accel.samplers.compile_only import compiled
from pytest_accel.samplers.environments import HERE, Environment
from pytest_accel.samplers.observe import LEAST_BLOCK_OF_HOSTS_S, Size, observe
from pytest_accel.samplers.remote_steps import RemoteSteps
from pytest_accel.samplers.remote_test import Announced, AskedTraining, PhaseReport, RemoteTest
from pytest_accel.samplers.remote_training import RemoteTraining
from pytest_accel.samplers.task import Task
from pytest_accel.samplers.train import train


class FreshRuns:
    """Gives runs of ``task``, each from a new process.

    ``size`` is asked when the workload is known. ``reports`` are those of the last run, and ``output`` is
    what its process wrote, where that is all there is. Training goes on with the seed after those of
    ``runs_before``. ``least`` is how many runs the test itself asks for,
    known after the first.
    """

    def __init__(
        self,
        task: Task,
        size: Callable[[Workload], Size],
        *,
        environment: Environment = HERE,
        runs_before: int = 0,
    ) -> None:
        self._task = task
        self._size = size
        self._environment = environment
        self._runs = runs_before
        self.least = 1
        self.reports: list[PhaseReport] = []
        self.output = ""

    def next(self) -> Run:
        """Raises InvalidRun, Unmeasured, or TestEnded where the test did not end normally."""
        self.reports = []
        try:
            with self._task.started(self._environment) as test:
                try:
                    run = self._measured(test)
                finally:
                    self.reports = test.reports
        except InvalidRun as invalid:
            self.output = invalid.output
            raise
        test.check_reports()
        return run

    def _measured(self, test: RemoteTest) -> Run:
        test.begin(self._task.accelerator, self._task.options)
        plan = test.plan()
        try:
            observation, provenance = self._observed(test, plan)
        except pytest.exit.Exception:
            raise
        except Exception as problem:
            test.stop(str(problem))
            raise
        test.finish(observation)
        return Run(plan.workload, observation, provenance)

    def _observed(self, test: RemoteTest, plan: Announced) -> tuple[Observation, Mapping[str, str]]:
        if self._task.topology is not None:
            return compiled(test, self._task.topology, self._task.programs, plan.startup_time_s)
        if plan.training is not None:
            return self._trained(test, plan, plan.training)
        return self._stepped(test, plan)

    def _stepped(self, test: RemoteTest, plan: Announced) -> tuple[Steps, Mapping[str, str]]:
        steps = RemoteSteps(test, every_package=self._task.every_package)
        size = self._size(plan.workload)
        if test.on_several_hosts:
            size = dataclasses.replace(size, least_block_s=LEAST_BLOCK_OF_HOSTS_S)
        with self._task.screen.steps(f"run {self._runs + 1}", size.blocks, size.seconds) as told:
            seen = observe(
                steps,
                size,
                startup_time_s=plan.startup_time_s,
                watch=lambda: self._task.watch_beside(test),
                told=told,
            )
        steps.pause()
        self._runs += 1
        return seen, steps.provenance

    def _trained(
        self, test: RemoteTest, plan: Announced, asked: AskedTraining
    ) -> tuple[Curve, Mapping[str, str]]:
        self.least = len(asked.seeds)
        seed = nth_seed(asked.seeds, self._runs)
        training = RemoteTraining(test)
        with (
            checkpoints(
                self._task.checkpoints,
                self._task.item.nodeid,
                plan.workload,
                self._task.accelerator,
                self._environment.name,
                seed,
            ) as folder,
            self._task.screen.training(seed, asked.epochs) as told,
        ):
            curve = train(
                training,
                asked.epochs,
                seed,
                checkpoints=folder,
                startup_time_s=plan.startup_time_s,
                watch=lambda: self._task.watch_beside(test),
                told=told,
            )
        self._runs += 1
        return curve, training.provenance


def nth_seed(seeds: Sequence[int], run: int) -> int:
    """That of run number ``run``, from 0: where the given ones end, it counts on from the highest."""
    return seeds[run] if run < len(seeds) else max(seeds) + run - len(seeds) + 1
