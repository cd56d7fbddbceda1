"""How a benchmark runs with ``--accel-in-process``: here, once, where a debugger can reach it."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from pytest_accel import provenance
from pytest_accel.calls import Measured
from pytest_accel.fixture import BACKEND, uses_accel
from pytest_accel.gate import unmeasured
from pytest_accel.measure import CLOCK, Measurement
from pytest_accel.records import Accelerator, Plan, Result
from pytest_accel.samplers.in_process import InProcess
from pytest_accel.session import Session

_RESULT = pytest.StashKey[Result]()


class ItemsInProcess:
    """A pytest plugin beside ``session``, and the backend of the fixtures in this process."""

    def __init__(self, session: Session, config: pytest.Config) -> None:
        self._session = session
        config.stash[BACKEND] = self

    @property
    def accelerator(self) -> Accelerator:
        return self._session.accelerator

    def measure(self, item: pytest.Item, plan: Plan) -> Measured:
        """Measure here and judge at once; what the verdict means for the test waits for its end."""
        gate = self._session.gate(item)
        measurement = Measurement(plan, clock=item.config.stash.get(CLOCK, time.perf_counter))
        result = gate.result(InProcess(measurement, gate.size, self._session.watch, provenance.of_framework))
        item.stash[_RESULT] = result
        if not result.runs:
            self._session.settle(item, result)
        return Measured.of(plan.workload, result.runs[-1])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if _RESULT in item.stash:
            del item.stash[_RESULT]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Methods of ``unittest.TestCase`` come this way as well."""
        yield
        if uses_accel(item):
            self._session.settle(item, item.stash.get(_RESULT, None) or unmeasured(item.nodeid))
