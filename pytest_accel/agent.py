"""The child's side: a pytest plugin that runs one benchmark and measures it on command.

It is loaded with ``-p pytest_accel.agent`` into a child session, which it tells what to run. Everything
else about the child is ordinary pytest: its conftests, fixtures and reports.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_accel import channel, codec, compiling, options, provenance
from pytest_accel.fixture import BACKEND, accel, accelerator
from pytest_accel.learning import Learning
from pytest_accel.measure import CLOCK, Measurement
from pytest_accel.measured import Learned, Measured
from pytest_accel.records import Accelerator, Curve, Hosts, Plan, Steps, TrainingPlan

__all__ = ["accel", "accelerator"]

__tracebackhide__ = True  # pytest then shows the user's own lines only


MOST_OUTPUT = 2**20
"""So many characters of what a phase of the test printed are sent home, the last ones."""


def pytest_addoption(parser: pytest.Parser) -> None:
    options.register(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    _end_with_parent()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
    config.addinivalue_line("markers", "flaky: reruns are the business of the session that started us")
    line = channel.from_environment()
    os.register_at_fork(after_in_child=line.close)  # a process that a step forks must not speak for us
    agent = Agent(line)
    vars(config.option).update(agent.options)
    config.stash[BACKEND] = agent
    config.pluginmanager.register(Compiled())
    config.pluginmanager.register(Reporter(config, line, agent.test))


class NothingRan(BaseException):
    """Ends a test, which passes, at a measuring call that has no numbers to give. Not for tests to catch."""


class Agent:
    """Speaks with the session that started this process; the backend of the fixtures here.

    ``test`` is the one to run: its node id without the file.
    """

    def __init__(self, line: channel.Channel) -> None:
        self._channel = line
        line.send("hello", protocol=channel.PROTOCOL)
        orders = line.receive()
        self.test: str = orders["test"]
        self.options: dict[str, Any] = orders["options"]
        self.accelerator = codec.decode(Accelerator, orders["accelerator"])
        self.hosts = None if orders["hosts"] is None else codec.decode(Hosts, orders["hosts"])
        self._spawned_at: float = orders["spawned_at"]

    def measure(self, item: pytest.Item, plan: Plan) -> Measured:
        """Announce the plan, then do as told until told to finish.

        Raises what the steps raise, and fails the test if told to stop. Raises NothingRan at the end of what
        was compiled only.
        """
        self._announce(plan)
        clock = item.config.stash.get(CLOCK, time.perf_counter)
        measurement = Measurement(plan, clock=clock)
        while True:
            order = self._channel.receive()
            match order["kind"]:
                case "compile":
                    kept = Path(order["kept"]) if order["kept"] else None
                    facts = compiling.facts(plan, order["topology"], kept, clock=clock)
                    versions = provenance.of_framework(plan.workload.framework)
                    self._channel.send("compiled", facts=codec.encode(facts), provenance=versions)
                case "prepare":
                    prepared = measurement.prepare(settle=order["settle"])
                    versions = provenance.of_framework(plan.workload.framework)
                    if order["every_package"]:
                        versions = {**provenance.every_package(), **versions}
                    self._channel.send("prepared", prepared=codec.encode(prepared), provenance=versions)
                case "block":
                    block = measurement.block(order["steps"])
                    self._channel.send("block", block=codec.encode(block))
                case "pause":
                    self._channel.send("paused")
                case "stop":
                    pytest.fail(order["reason"], pytrace=False)
                case "finish" if self.options["accel_topology"]:
                    raise NothingRan
                case "finish":
                    return Measured.of(plan.workload, codec.decode(Steps, order["observation"]))

    def learn(self, item: pytest.Item, plan: TrainingPlan) -> Learned:
        """Announce the plan, then do as told until told to finish; raises as ``measure`` does."""
        if self.options["accel_topology"]:
            pytest.skip(f"trains, and --accel-topology={self.options['accel_topology']} runs nothing")
        self._announce(plan, epochs=plan.epochs, target=plan.target, seeds=list(plan.seeds))
        learning: Learning | None = None
        while True:
            order = self._channel.receive()
            match order["kind"]:
                case "begin":
                    folder = Path(order["checkpoints"]) if order["checkpoints"] else None
                    clock = item.config.stash.get(CLOCK, time.perf_counter)
                    versions = provenance.of_framework(plan.workload.framework)
                    learning = Learning(plan, order["seed"], folder, software=versions, clock=clock)
                    begun = learning.begin()
                    self._channel.send("begun", begun=codec.encode(begun), provenance=versions)
                case "epoch":
                    assert learning is not None
                    epoch = codec.encode(learning.epoch())
                    self._channel.send("epoch", epoch=epoch, frozen=list(learning.frozen_variables()))
                case "stop":
                    pytest.fail(order["reason"], pytrace=False)
                case "finish":
                    return Learned.of(codec.decode(Curve, order["observation"]), plan.target)

    def _announce(self, plan: Plan | TrainingPlan, **facts: Any) -> None:
        startup_time_s = time.time() - self._spawned_at
        self._channel.send(
            "plan",
            workload=codec.encode(plan.workload),
            startup_time_s=startup_time_s,
            training=facts or None,
        )


class Compiled:
    """A pytest plugin: a test that ends with NothingRan passes."""

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Comes after unittest's own, which gives the call what its tests raised."""
        if call.excinfo is not None and call.excinfo.errisinstance(NothingRan):
            call.excinfo = None


class Reporter:
    """A pytest plugin that keeps the session to one test and sends home all that becomes of it."""

    def __init__(self, config: pytest.Config, line: channel.Channel, test: str) -> None:
        self._config = config
        self._channel = line
        self._test = test

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid.partition("::")[2] == self._test][:1]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._send(report, raised=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._send(report, raised=call.excinfo is not None)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Nobody reads the summary of a child, and plugins may take a second to add to it."""
        try:
            return (yield)
        finally:
            manager = self._config.pluginmanager
            silent = manager.subset_hook_caller("pytest_terminal_summary", manager.get_plugins())
            vars(self._config.hook)["pytest_terminal_summary"] = silent

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also what ``pytest.exit`` comes to, and errors of the collection, which are reported already."""
        if isinstance(excinfo.value, pytest.Session.Interrupted):
            return
        code = getattr(excinfo.value, "returncode", None)
        self._channel.send("exit", reason=str(excinfo.value) or excinfo.typename, returncode=code)

    def pytest_internalerror(self, excrepr: object) -> None:
        self._channel.send("broken", text=str(excrepr))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._channel.send("done")
        gc.freeze()  # to look for garbage once more in all of TensorFlow takes Python a second at its end

    def _send(self, report: pytest.CollectReport | pytest.TestReport, *, raised: bool) -> None:
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        data["sections"] = [(name, _tail(text)) for name, text in report.sections]
        self._channel.send("report", report=data, raised=raised)


def _tail(text: str) -> str:
    left_out = len(text) - MOST_OUTPUT
    return text if left_out <= 0 else f"[{left_out} characters left out]\n{text[left_out:]}"


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, even if a step never returns."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
