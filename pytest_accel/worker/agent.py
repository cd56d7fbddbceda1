"""The child's side: a pytest plugin that runs one benchmark and measures it on command.

``bootstrap`` hands it to a child session, which it tells what to run. Everything else about the child is the
session that the user started, but for the list in ``runs/worker_process/withheld_options.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_accel.api import options
from pytest_accel.api.fixtures import BACKEND, accel, accelerator
from pytest_accel.api.results import Learned, Measured
from pytest_accel.records import Accelerator, Curve, Hosts, Plan, Steps, TrainingPlan, json_codec
from pytest_accel.worker import channel, compiler, environment_facts, provenance
from pytest_accel.worker.run_reporter import Reporter
from pytest_accel.worker.step_timer import CLOCK, Measurement
from pytest_accel.worker.trainer import Learning

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
    for spellings, nargs in agent.conftest_options:
        with contextlib.suppress(ValueError):  # a conftest.py that is loaded here as well has added it
            how: dict[str, Any] = {"action": "store_true"} if nargs == 0 else {"nargs": nargs}
            parser.addoption(*spellings, **how)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
    agent = config.stash[BACKEND]
    assert isinstance(agent, Agent)
    known = vars(config.option)
    known.update({name: value for name, value in agent.options.items() if name in known})
    if config.option.basetemp is not None:
        Path(config.option.basetemp).parent.mkdir(parents=True, exist_ok=True)
    config.pluginmanager.register(Compiled())
    config.pluginmanager.register(Reporter(config, agent))


class NothingRan(BaseException):
    """Ends a test, which passes, at a measuring call that has no numbers to give. Not for tests to catch."""


class Agent:
    """Speaks with the session that started this process; the backend of the fixtures here.

    ``test`` is the one to run: its node id without the file; None to run nothing, only to see whether a
    session starts here. ``parameters`` are those that it has in the session that asks for it. Plugins named
    in ``silent`` take no part. ``compared``: with another environment. ``loaded`` is what pytest and its
    plugins have imported before the project's files. ``conftest_options`` were given for a conftest.py that
    may be none of this test's. ``xfail`` are marks that the test has in the session.
    """

    def __init__(self, line: channel.Channel, sys_path: tuple[str, ...], loaded: list[str]) -> None:
        self.channel = line
        self._loaded_first = loaded
        line.send("hello", protocol=channel.PROTOCOL, sys_path=sys_path)
        orders = line.receive()
        self.test: str | None = orders["test"]
        self.parameters: dict[str, str] = orders["parameters"]
        self.silent: list[str] = orders["silent"]
        self.compared: bool = orders["compared"]
        self.options: dict[str, Any] = orders["options"]
        self.conftest_options: list[tuple[list[str], Any]] = orders["conftest_options"]
        self.xfail: list[str] = orders["xfail"]
        self.variables = environment_facts.variables() if self.test is None else {}
        self.accelerator = json_codec.decode(Accelerator, orders["accelerator"])
        self.hosts = None if orders["hosts"] is None else json_codec.decode(Hosts, orders["hosts"])
        self._spawned_at: float = orders["spawned_at"]

    def measure(self, item: pytest.Item, plan: Plan) -> Measured:
        """Announce the plan, then do as told until told to finish.

        Raises what the steps raise, and fails the test if told to stop. Raises NothingRan at the end of what
        was compiled only.
        """
        self._announce(item, plan)
        clock = item.config.stash.get(CLOCK, time.perf_counter)
        measurement = Measurement(plan, clock=clock)
        while True:
            order = self.channel.receive()
            match order["kind"]:
                case "compile":
                    kept = Path(order["kept"]) if order["kept"] else None
                    facts = compiler.facts(plan, order["topology"], kept, clock=clock)
                    versions = provenance.of_framework(plan.workload.framework)
                    self.channel.send("compiled", facts=json_codec.encode(facts), provenance=versions)
                case "prepare":
                    prepared = measurement.prepare(settle=order["settle"])
                    plan = measurement.plan
                    workload = json_codec.encode(plan.workload)
                    self.channel.send(
                        "prepared",
                        prepared=json_codec.encode(prepared),
                        workload=workload,
                        loaded=self._loaded(item),
                    )
                case "block":
                    block = measurement.block(order["steps"])
                    self.channel.send("block", block=json_codec.encode(block))
                case "pause":
                    self.channel.send("paused")
                case "describe":
                    self._describe(item, plan)
                case "stop":
                    pytest.fail(order["reason"], pytrace=False)
                case "finish" if item.config.getoption("accel_topology"):
                    raise NothingRan
                case "finish":
                    return Measured.of(plan.workload, json_codec.decode(Steps, order["observation"]))

    def learn(self, item: pytest.Item, plan: TrainingPlan) -> Learned:
        """Announce the plan, then do as told until told to finish; raises as ``measure`` does."""
        topology = item.config.getoption("accel_topology")
        if topology:
            pytest.skip(f"trains, and --accel-topology={topology} runs nothing")
        self._announce(item, plan, epochs=plan.epochs, target=plan.target, seeds=list(plan.seeds))
        learning: Learning | None = None
        while True:
            order = self.channel.receive()
            match order["kind"]:
                case "begin":
                    folder = Path(order["checkpoints"]) if order["checkpoints"] else None
                    clock = item.config.stash.get(CLOCK, time.perf_counter)
                    versions = provenance.of_framework(plan.workload.framework)
                    learning = Learning(plan, order["seed"], folder, software=versions, clock=clock)
                    begun = learning.begin()
                    self.channel.send("begun", begun=json_codec.encode(begun), provenance=versions)
                case "epoch":
                    assert learning is not None
                    epoch = json_codec.encode(learning.epoch())
                    self.channel.send("epoch", epoch=epoch, frozen=list(learning.frozen_variables()))
                case "describe":
                    self._describe(item, plan)
                case "stop":
                    pytest.fail(order["reason"], pytrace=False)
                case "finish":
                    return Learned.of(json_codec.decode(Curve, order["observation"]), plan.target)

    def _announce(self, item: pytest.Item, plan: Plan | TrainingPlan, **facts: Any) -> None:
        startup_time_s = time.time() - self._spawned_at
        self.channel.send(
            "plan",
            workload=json_codec.encode(plan.workload),
            startup_time_s=startup_time_s,
            training=facts or None,
            loaded=self._loaded(item),
        )

    def _loaded(self, item: pytest.Item) -> dict[str, Any] | None:
        """What was imported so far, where environments are compared."""
        if not self.compared:
            return None
        return {
            "files": environment_facts.project_files(item.path),
            "packages": environment_facts.loaded_packages(),
            "first": self._loaded_first,
        }

    def _describe(self, item: pytest.Item, plan: Plan | TrainingPlan) -> None:
        """What was measured with. Asked for afterwards: reading it takes memory that a step would notice."""
        self.channel.send(
            "described",
            provenance=provenance.of_framework(plan.workload.framework),
            code=environment_facts.project_code(item.path) if self.compared else {},
        )


class Compiled:
    """A pytest plugin: a test that ends with NothingRan passes."""

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Comes after unittest's own, which gives the call what its tests raised."""
        if call.excinfo is not None and call.excinfo.errisinstance(NothingRan):
            call.excinfo = None


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, even if a step never returns."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
