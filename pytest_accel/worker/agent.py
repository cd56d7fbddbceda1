"""The worker's side: a pytest plugin that runs one benchmark and measures it on command.

``bootstrap`` hands it to the worker's session, which it tells what to run. All else about the worker is the
session that the user started, but for the list in ``runs/worker_process/withheld_options.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_accel.api import options
from pytest_accel.api.fixtures import BACKEND, accel, accelerator
from pytest_accel.api.results import ConvergenceResult, StepResult
from pytest_accel.frameworks.recompilation import CompilationCounter
from pytest_accel.records import Curve, Kind, Plan, Steps, TrainingPlan
from pytest_accel.worker import channel, compiler, environment_facts, messages, provenance
from pytest_accel.worker.environment_facts import LoadedModules
from pytest_accel.worker.run_reporter import Reporter
from pytest_accel.worker.step_timer import StepTimer, clock_of
from pytest_accel.worker.trainer import TrainingRun

__all__ = ["accel", "accelerator"]

__tracebackhide__ = True  # pytest then shows the user's own lines only


def pytest_addoption(parser: pytest.Parser) -> None:
    options.register(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, None, None]:
    _end_with_parent()
    vars(early_config)["accel_run"] = os.environ[channel.RUN_VARIABLE]
    line = channel.from_environment()
    os.register_at_fork(after_in_child=line.close)  # a process that a step forks must not speak for us
    agent = Agent(line, tuple(sys.path), environment_facts.loaded_packages())
    early_config.stash[BACKEND] = agent
    yield
    for option in agent.start.conftest_options:
        with contextlib.suppress(ValueError):  # a conftest.py that is loaded here as well has added it
            how: dict[str, Any] = {"action": "store_true"} if option.nargs == 0 else {"nargs": option.nargs}
            parser.addoption(*option.spellings, **how)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
    agent = config.stash[BACKEND]
    assert isinstance(agent, Agent)
    known = vars(config.option)
    known.update({name: value for name, value in agent.start.options.items() if name in known})
    if config.option.basetemp is not None:
        Path(config.option.basetemp).parent.mkdir(parents=True, exist_ok=True)
    config.pluginmanager.register(PassWhenCompiledOnly())
    config.pluginmanager.register(Reporter(config, agent.channel, agent.start, agent.variables))


class CompiledOnly(BaseException):
    """Ends a test, which passes, at a measuring call that has no numbers to give. Not for tests to catch."""


class Agent:
    """Speaks with the session that started this process; the backend of the fixtures here.

    ``start`` says which test to run and how. ``variables`` are digests of environment variables, taken where
    only the environment is asked for.
    """

    def __init__(self, line: channel.Channel, sys_path: tuple[str, ...], loaded: tuple[str, ...]) -> None:
        self.channel = line
        self._loaded_first = loaded
        line.send(messages.Hello(sys_path))
        start = line.receive()
        if not isinstance(start, messages.StartTest):
            raise messages.unexpected(start)
        self.start = start
        self.accelerator = start.accelerator
        self.hosts = start.hosts
        self.variables = environment_facts.variables() if start.test is None else {}

    def measure(self, item: pytest.Item, plan: Plan) -> StepResult:
        """Ask for the benchmark, then follow orders to the end.

        Raises what the steps raise, and fails the test if told to stop. Raises CompiledOnly at the end of
        what was compiled only, and ProtocolError for an order that is not due.
        """
        self._request(item, plan)
        clock = clock_of(item.config)
        measurement = StepTimer(plan, clock=clock)
        compilations, steps_timed = None, 0
        while True:
            match self.channel.receive():
                case messages.Compile(topology, cache):
                    with _uncaptured(item.config):
                        folder = Path(cache) if cache else None
                        facts = compiler.compile_plan(plan, topology, folder, clock=clock)
                    versions = provenance.collect(plan.workload.framework)
                    self.channel.send(messages.Compiled(facts, versions))
                case messages.Prepare(settle):
                    prepared = measurement.prepare(settle=settle)
                    plan = measurement.plan
                    compilations = CompilationCounter()
                    self.channel.send(messages.Prepared(prepared, plan.workload, self._loaded(item)))
                case messages.TimeBlock(steps):
                    self.channel.send(messages.BlockTimed(measurement.block(steps)))
                    steps_timed += steps
                case messages.Pause():
                    self.channel.send(messages.Paused())
                case messages.Describe():
                    seen = {}
                    if compilations is not None and compilations.is_every_step(steps_timed):
                        seen["compilation"] = "on every step"
                    if plan.host_batch and self.accelerator.kind is not Kind.CPU:
                        seen["batch"] = "copied from the host on every step"
                    self._describe(item, plan, seen)
                case messages.Stop(reason):
                    pytest.fail(reason, pytrace=False)
                case messages.Finish() if item.config.getoption("accel_topology"):
                    raise CompiledOnly
                case messages.Finish(Steps() as steps_seen):
                    return StepResult.of(plan.workload, steps_seen)
                case other:
                    raise messages.unexpected(other)

    def train(self, item: pytest.Item, plan: TrainingPlan) -> ConvergenceResult:
        """Ask for the training, then follow orders to the end. Raises as ``measure`` does."""
        topology = item.config.getoption("accel_topology")
        if topology:
            pytest.skip(f"trains a model, but --accel-topology={topology} only compiles")
        self._request(item, plan, messages.TrainingRequest(plan.epochs, plan.target, plan.seeds))
        training_run: TrainingRun | None = None
        while True:
            match self.channel.receive():
                case messages.StartTraining(seed, checkpoints):
                    folder = Path(checkpoints) if checkpoints else None
                    clock = clock_of(item.config)
                    versions = provenance.collect(plan.workload.framework)
                    training_run = TrainingRun(plan, seed, folder, software=versions, clock=clock)
                    self.channel.send(messages.TrainingBegun(training_run.begin(), versions))
                case messages.TrainEpoch() if training_run is not None:
                    epoch = training_run.epoch()
                    self.channel.send(messages.EpochTrained(epoch, tuple(training_run.frozen_variables())))
                case messages.Describe():
                    self._describe(item, plan, {})
                case messages.Stop(reason):
                    pytest.fail(reason, pytrace=False)
                case messages.Finish(Curve() as curve):
                    return ConvergenceResult.of(curve, plan.target)
                case other:
                    raise messages.unexpected(other)

    def _request(
        self, item: pytest.Item, plan: Plan | TrainingPlan, training: messages.TrainingRequest | None = None
    ) -> None:
        startup_time_s = time.time() - self.start.spawned_at
        request = messages.BenchmarkRequest(plan.workload, startup_time_s, training, self._loaded(item))
        self.channel.send(request)

    def _loaded(self, item: pytest.Item) -> LoadedModules:
        """What was imported so far, where environments are compared."""
        if not self.start.compared:
            return LoadedModules()
        return LoadedModules(
            environment_facts.project_files(item.path),
            environment_facts.loaded_packages(),
            self._loaded_first,
        )

    def _describe(self, item: pytest.Item, plan: Plan | TrainingPlan, seen: Mapping[str, str]) -> None:
        """Send what this was measured with; ``seen`` is what its steps do."""
        code = environment_facts.project_code(item.path) if self.start.compared else {}
        collected = {**provenance.collect(plan.workload.framework), **seen}
        self.channel.send(messages.Described(collected, code))


class PassWhenCompiledOnly:
    """A pytest plugin: a test that ends with CompiledOnly passes."""

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Comes after unittest's own, which gives the call what its tests raised."""
        if call.excinfo is not None and call.excinfo.errisinstance(CompiledOnly):
            call.excinfo = None


def _uncaptured(config: pytest.Config) -> contextlib.AbstractContextManager[None]:
    """Let what is written go to the session at once: a compiler may end this process with its last words."""
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured: contextlib.AbstractContextManager[None] = (
        contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled()
    )
    return uncaptured


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, even if a step never returns."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
