"""How a benchmark runs with ``--accel-in-process``: here, once, where a debugger can reach it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_accel.api.fixtures import BACKEND, uses_accel
from pytest_accel.api.results import ConvergenceResult, StepResult
from pytest_accel.gate.explanations import unmeasured_result
from pytest_accel.records import Accelerator, Curve, Hosts, Observation, Plan, Result, Steps, TrainingPlan
from pytest_accel.runs.in_process import InProcess, TrainingInProcess
from pytest_accel.session.hooks import BenchmarkSession
from pytest_accel.worker import provenance
from pytest_accel.worker.step_timer import StepTimer, clock_of

_RESULT = pytest.StashKey[Result]()


class InProcessItems:
    """A pytest plugin beside ``session``, and the backend of the fixtures in this process."""

    hosts: Hosts | None = None

    def __init__(self, session: BenchmarkSession, config: pytest.Config) -> None:
        self._session = session
        config.stash[BACKEND] = self

    @property
    def accelerator(self) -> Accelerator:
        return self._session.accelerator

    def measure(self, item: pytest.Item, plan: Plan) -> StepResult:
        """Measure here and judge at once; what the verdict means for the test waits for its end."""
        gate = self._session.baseline_gate(item)
        measurement = StepTimer(plan, clock=clock_of(item.config))
        sampler = InProcess(
            measurement,
            gate.run_size,
            self._session.sample_conditions,
            provenance.collect,
            as_stored=gate.as_stored,
        )
        observation = self._judged(item, gate.result(sampler))
        assert isinstance(observation, Steps)
        return StepResult.of(plan.workload, observation)

    def train(self, item: pytest.Item, plan: TrainingPlan) -> ConvergenceResult:
        """Train here and judge at once, as ``measure`` does."""
        sampler = TrainingInProcess(
            plan, self._session.sample_conditions, provenance.collect, clock=clock_of(item.config)
        )
        observation = self._judged(item, self._session.baseline_gate(item).result(sampler))
        assert isinstance(observation, Curve)
        return ConvergenceResult.of(observation, plan.target)

    def _judged(self, item: pytest.Item, result: Result) -> Observation:
        item.stash[_RESULT] = result
        if result.runs:
            return result.runs[-1]
        self._session.fail_if_needed(item, self._session.conclude(item, result))
        raise AssertionError("a result without runs fails its test")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if _RESULT in item.stash:
            del item.stash[_RESULT]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Methods of ``unittest.TestCase`` come this way as well."""
        yield
        if uses_accel(item):
            result = item.stash.get(_RESULT, None) or unmeasured_result(item.nodeid)
            self._session.fail_if_needed(item, self._session.conclude(item, result))
