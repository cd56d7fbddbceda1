"""Everything that is needed to start a worker process for one benchmark."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_accel.baselines import naming
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.hosts.coordinator import SingleHost
from pytest_accel.records import Accelerator, Conditions
from pytest_accel.records.progress import NoProgress, ProgressDisplay
from pytest_accel.runs.worker_process import pytest_command
from pytest_accel.runs.worker_process.environments import (
    CURRENT_ENVIRONMENT,
    Environment,
    compile_only_variables,
)
from pytest_accel.runs.worker_process.process import start_worker
from pytest_accel.runs.worker_process.remote_test import RemoteTest


def _nothing_to_check() -> None:
    pass


def _nobody_watches() -> None:
    return None


@dataclass(frozen=True)
class RunSpec:
    """The test ``item``, to be run on ``accelerator`` in processes that end within ``timeout_s``.

    ``options`` are those of the worker process, by destination. ``sample_conditions`` returns what disturbs
    the machine, given the process ids that are our own. ``devices`` limits the accelerator to that number.
    ``compared``: with another one. Training keeps in folders under ``checkpoints`` what it needs to go on
    after it was ended. How far a run is goes to ``progress``. For a ``topology`` the step is compiled only,
    and ``compile_cache`` is where to keep what the compiler said. ``check`` is called while a run is waited
    for, and raises InvalidRun where that is of no use any more. ``watch_other_programs`` begins to look at
    what other programs do, or returns None where that is not known; ``wait_s`` is how long a run may wait for
    them. ``coordinator`` knows of the other hosts.
    """

    item: pytest.Item
    accelerator: Accelerator
    options: Mapping[str, Any]
    timeout_s: float
    sample_conditions: Callable[[frozenset[int]], Conditions]
    devices: int | None = None
    compared: bool = False
    checkpoints: Path | None = None
    topology: str | None = None
    compile_cache: Path | None = None
    check: Callable[[], None] = _nothing_to_check
    watch_other_programs: Callable[[], OtherPrograms | None] = _nobody_watches
    wait_s: float = 0.0
    progress: ProgressDisplay = field(default_factory=NoProgress)
    coordinator: SingleHost = field(default_factory=SingleHost)

    def sample_conditions_beside(self, *tests: RemoteTest) -> Conditions:
        """What goes on now beside this session and these tests of it."""
        return self.sample_conditions(frozenset({os.getpid(), *(test.pid for test in tests)}))

    @contextlib.contextmanager
    def start_worker(
        self, environment: Environment = CURRENT_ENVIRONMENT, *, shared: bool = False
    ) -> Iterator[RemoteTest]:
        """A worker with the test; at the end nothing is left of it. ``shared``: two use the accelerator."""
        arguments = functools.partial(pytest_command.arguments, self.item)
        variables = (
            environment.variables(self.accelerator.kind, self.devices, shared=shared)
            if self.topology is None
            else compile_only_variables(self.topology)
        )
        folder = self.item.config.invocation_params.dir
        coordinator = self.coordinator

        def check() -> None:
            coordinator.check()
            self.check()

        with (
            coordinator.running(naming.display_name(self.item)),
            start_worker(environment, arguments, variables, folder, self.timeout_s, check) as worker,
        ):
            yield RemoteTest(self.item, worker, environment, coordinator, compared=self.compared)
