"""Fresh runs: every run is the same test in a new worker process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import pytest

from pytest_accel.baselines import naming
from pytest_accel.records import Curve, Run, Workload
from pytest_accel.records.plans import RunSize
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.checkpoints import checkpoints
from pytest_accel.runs.time_blocks import MIN_BLOCK_ON_HOSTS_S, measure_steps
from pytest_accel.runs.train_epochs import train
from pytest_accel.runs.worker_process.environments import CURRENT_ENVIRONMENT, Environment
from pytest_accel.runs.worker_process.remote_compilation import compiled
from pytest_accel.runs.worker_process.remote_steps import RemoteSteps
from pytest_accel.runs.worker_process.remote_test import PhaseReport, RemoteTest
from pytest_accel.runs.worker_process.remote_training import RemoteTraining
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.worker.environment_facts import Files
from pytest_accel.worker.messages import BenchmarkRequest, TrainingRequest


class FreshRuns:
    """Gives runs of ``run_spec``, each from a new process.

    ``size`` is called once the workload is known. ``as_stored`` gives the workload the framework that it is
    stored under, from the one that was announced. ``reports`` are those of the last run, and ``output`` is
    what its process wrote, where that is all there is. Training goes on with the seed after those of
    ``runs_before``. ``min_samples`` is how many runs the test itself asks for, known after the first.
    """

    def __init__(
        self,
        run_spec: RunSpec,
        size: Callable[[Workload], RunSize],
        *,
        as_stored: Callable[[Workload, str], Workload] = lambda workload, _: workload,
        environment: Environment = CURRENT_ENVIRONMENT,
        runs_before: int = 0,
    ) -> None:
        self._run_spec = run_spec
        self._size = size
        self._as_stored = as_stored
        self._environment = environment
        self._runs = runs_before
        self.min_samples = 1
        self.reports: list[PhaseReport] = []
        self.subtests: list[pytest.TestReport] = []
        self.output = ""
        self.code: Files = {}

    def next(self) -> Run:
        """Raises InvalidRun, Unmeasured, or TestEnded where the test did not end normally."""
        self.reports, self.subtests = [], []
        try:
            with self._run_spec.start_worker(self._environment) as test:
                try:
                    run = self._measure(test)
                finally:
                    self.reports, self.subtests, self.code = test.reports, test.subtests, test.code
        except InvalidRun as invalid:
            self.output = invalid.output
            raise
        test.check_reports()
        return run

    def _measure(self, test: RemoteTest) -> Run:
        test.begin(self._run_spec.accelerator, self._run_spec.options)
        request = test.wait_for_request()
        try:
            run = self._observe(test, request)
        except pytest.exit.Exception:
            raise
        except Exception as problem:
            test.stop(str(problem))
            raise
        test.finish(run.observation)
        return run

    def _observe(self, test: RemoteTest, request: BenchmarkRequest) -> Run:
        if self._run_spec.topology is not None:
            facts, versions = compiled(
                test, self._run_spec.topology, self._run_spec.compile_cache, request.startup_time_s
            )
            return Run(request.workload, facts, versions)
        if request.training is not None:
            curve, versions = self._train(test, request, request.training)
            test.describe()
            return Run(request.workload, curve, {**versions, **test.provenance})
        return self._time_steps(test, request)

    def _time_steps(self, test: RemoteTest, request: BenchmarkRequest) -> Run:
        steps = RemoteSteps(test)
        expected = self._run_size(request.workload, test)

        def workload() -> Workload:
            assert steps.workload is not None
            return self._as_stored(steps.workload, request.workload.framework)

        with self._run_spec.progress.steps(
            f"run {self._runs + 1}", expected.blocks, expected.seconds
        ) as on_progress:
            observation = measure_steps(
                steps,
                lambda: self._run_size(workload(), test),
                startup_time_s=request.startup_time_s,
                sample_conditions=lambda: self._run_spec.sample_conditions_beside(test),
                watch=self._run_spec.watch_other_programs,
                wait_s=self._run_spec.wait_s,
                on_progress=on_progress,
            )
        steps.pause()
        test.describe()
        self._runs += 1
        return Run(workload(), observation, test.provenance)

    def _run_size(self, workload: Workload, test: RemoteTest) -> RunSize:
        size = self._size(workload)
        if test.on_several_hosts:
            size = dataclasses.replace(size, min_block_s=MIN_BLOCK_ON_HOSTS_S)
        return size

    def _train(
        self, test: RemoteTest, request: BenchmarkRequest, training_request: TrainingRequest
    ) -> tuple[Curve, Mapping[str, str]]:
        self.min_samples = len(training_request.seeds)
        seed = nth_seed(training_request.seeds, self._runs)
        training = RemoteTraining(test)
        with (
            checkpoints(
                self._run_spec.checkpoints,
                naming.display_name(self._run_spec.item),
                request.workload,
                self._run_spec.accelerator,
                self._environment.name,
                seed,
            ) as folder,
            self._run_spec.progress.training(seed, training_request.epochs) as on_progress,
        ):
            curve = train(
                training,
                training_request.epochs,
                seed,
                checkpoints=folder,
                startup_time_s=request.startup_time_s,
                sample_conditions=lambda: self._run_spec.sample_conditions_beside(test),
                watch=self._run_spec.watch_other_programs,
                on_progress=on_progress,
            )
        self._runs += 1
        return curve, training.provenance


def nth_seed(seeds: Sequence[int], run: int) -> int:
    """That of run number ``run``, from 0: where the given ones end, it counts on from the highest."""
    return seeds[run] if run < len(seeds) else max(seeds) + run - len(seeds) + 1
