"""The child's side: a pytest plugin that runs one benchmark and measures it on command.

It is loaded with ``-p pytest_accel.agent`` into a child session, which it tells what to run. Everything
else about the child is ordinary pytest: its conftests, fixtures and reports.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from collections.abc import Generator
from typing import Any

import pytest

from pytest_accel import channel, codec, options, provenance
from pytest_accel.calls import Measured
from pytest_accel.fixture import BACKEND, accel, accelerator
from pytest_accel.measure import CLOCK, Measurement
from pytest_accel.records import Accelerator, Plan, Steps

__all__ = ["accel", "accelerator"]

_AGENT = pytest.StashKey["Agent"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    options.register(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
    config.addinivalue_line("markers", "flaky: reruns are the business of the session that started us")
    _end_with_parent()
    agent = Agent(channel.from_environment())
    vars(config.option).update(agent.options)
    config.stash[_AGENT] = config.stash[BACKEND] = agent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[_AGENT].select(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    data = item.config.hook.pytest_report_to_serializable(config=item.config, report=report)
    item.config.stash[_AGENT].channel.send("report", report=data, raised=call.excinfo is not None)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.stash[_AGENT].channel.send("done")


class Agent:
    """Speaks with the session that started this process; the backend of the fixtures here."""

    def __init__(self, line: channel.Channel) -> None:
        self.channel = line
        line.send("hello", protocol=channel.PROTOCOL)
        orders = line.receive()
        self.options: dict[str, Any] = orders["options"]
        self.accelerator = codec.decode(Accelerator, orders["accelerator"])
        self._nodeid: str = orders["nodeid"]
        self._spawned_at: float = orders["spawned_at"]

    def select(self, items: list[pytest.Item]) -> None:
        """Keep the one test that was asked for."""
        items[:] = [item for item in items if item.nodeid == self._nodeid][:1]

    def measure(self, item: pytest.Item, plan: Plan) -> Measured:
        """Announce the plan, then do as told until told to finish. Raises what the steps raise."""
        startup_time_s = time.time() - self._spawned_at
        self.channel.send("plan", workload=codec.encode(plan.workload), startup_time_s=startup_time_s)
        measurement = Measurement(plan, clock=item.config.stash.get(CLOCK, time.perf_counter))
        while True:
            order = self.channel.receive()
            if order["kind"] == "prepare":
                prepared = measurement.prepare()
                versions = provenance.of_framework(plan.workload.framework)
                self.channel.send("prepared", prepared=codec.encode(prepared), provenance=versions)
            elif order["kind"] == "block":
                self.channel.send("block", block=codec.encode(measurement.block(order["steps"])))
            else:
                steps = codec.decode(Steps, order["steps"])
                return Measured.of(plan.workload, steps)


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, even if a step never returns."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
