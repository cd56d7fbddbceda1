"""Fresh runs: every run is a child pytest session that runs the same test in a new process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_accel.records import Run, Workload
from pytest_accel.samplers import InvalidRun
from pytest_accel.samplers.environments import HERE, Environment
from pytest_accel.samplers.observe import Size, observe
from pytest_accel.samplers.remote_test import PhaseReport, RemoteTest
from pytest_accel.samplers.task import Task


class FreshRuns:
    """Gives runs of ``task``, each from a new process.

    ``size`` is asked when the workload is known. ``reports`` are those of the last run, and ``output`` is
    what its process wrote, where that is all there is.
    """

    def __init__(
        self, task: Task, size: Callable[[Workload], Size], *, environment: Environment = HERE
    ) -> None:
        self._task = task
        self._size = size
        self._environment = environment
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
        workload = test.plan()
        try:
            steps = observe(
                test,
                self._size(workload),
                startup_time_s=test.startup_time_s,
                watch=lambda: self._task.watch_beside(test),
            )
        except pytest.exit.Exception:
            raise
        except Exception as problem:
            test.stop(str(problem))
            raise
        return test.finish(workload, steps)
