"""Fresh runs: every run is a child pytest session that runs the same test in a new process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_accel.records import Accelerator, Conditions, Run, Workload
from pytest_accel.samplers import InvalidRun, command
from pytest_accel.samplers.child import started
from pytest_accel.samplers.environments import HERE, Environment
from pytest_accel.samplers.observe import Size, observe
from pytest_accel.samplers.remote_test import PhaseReport, RemoteTest


class FreshRuns:
    """Gives runs of ``item``, each from a new process that ends within ``timeout_s``.

    ``size`` is asked when the workload is known. ``watch`` is given the process ids that are our own.
    ``options`` are the child's, by destination. ``reports`` are those of the last run, and ``output`` is
    what its process wrote, where that is all there is. ``every_package``: see RemoteTest.
    """

    def __init__(
        self,
        item: pytest.Item,
        accelerator: Accelerator,
        size: Callable[[Workload], Size],
        watch: Callable[[frozenset[int]], Conditions],
        *,
        options: Mapping[str, Any],
        timeout_s: float,
        environment: Environment = HERE,
        every_package: bool = False,
    ) -> None:
        self._item = item
        self._accelerator = accelerator
        self._size = size
        self._watch = watch
        self._options = options
        self._timeout_s = timeout_s
        self._environment = environment
        self._every_package = every_package
        self.reports: list[PhaseReport] = []
        self.output = ""

    def next(self) -> Run:
        """Raises InvalidRun, Unmeasured, or TestEnded where the test did not end normally."""
        self.reports = []
        arguments = command.arguments(self._item)
        variables = self._environment.variables(self._accelerator.kind)
        folder = self._item.config.invocation_params.dir
        try:
            with started(self._environment, arguments, variables, folder, self._timeout_s) as child:
                test = RemoteTest(self._item, child, self._environment, every_package=self._every_package)
                try:
                    run = self._measured(test, variables)
                finally:
                    self.reports = test.reports
        except InvalidRun as invalid:
            self.output = invalid.output
            raise
        test.check_reports()
        return run

    def _measured(self, test: RemoteTest, variables: Mapping[str, str]) -> Run:
        test.begin(self._accelerator, self._options, variables)
        workload = test.plan()
        own = frozenset({os.getpid(), test.pid})
        try:
            steps = observe(
                test,
                self._size(workload),
                startup_time_s=test.startup_time_s,
                watch=lambda: self._watch(own),
            )
        except pytest.exit.Exception:
            raise
        except Exception as problem:
            test.stop(str(problem))
            raise
        return test.finish(workload, steps)
