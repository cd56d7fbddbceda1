"""Pairs of runs: the same test here and in another environment, each pair from two new processes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from pytest_accel.records import Kind, Pair, Run
from pytest_accel.samplers import InvalidRun
from pytest_accel.samplers.blame import blamed_on
from pytest_accel.samplers.environments import HERE, Environment
from pytest_accel.samplers.fresh_runs import FreshRuns
from pytest_accel.samplers.in_turns import InTurns, NotInTurns, Side, check_same_work
from pytest_accel.samplers.observe import BLOCKS, Size
from pytest_accel.samplers.remote_test import PhaseReport
from pytest_accel.samplers.task import Task


class Interleaved:
    """Gives pairs of runs of ``task``, here and in ``other``.

    Their steps take ``seconds`` on both sides together; ``enough``: see InTurns. A TPU belongs to one process
    at a time, a large workload fills a GPU, and training goes on to its end: there whole processes come one
    after the other. ``reports`` and ``output`` are as in FreshRuns, of the run here.
    """

    def __init__(
        self,
        task: Task,
        other: Environment,
        *,
        seconds: float,
        enough: Callable[[Sequence[float], Sequence[float]], bool],
        order: random.Random,
    ) -> None:
        self._task = task
        self._other = other
        self._seconds = seconds
        self._order = order
        self._turns = InTurns(task, seconds, enough, order)
        self._side_by_side = task.accelerator.kind is not Kind.TPU
        self._pairs = 0
        self.least = 1
        self.reports: list[PhaseReport] = []
        self.output = ""

    def next(self) -> Pair:
        """Raises InvalidRun, also for a test that ends early in the other environment only.

        Raises Unmeasured and TestEnded where the test did not end normally here.
        """
        self.reports = []
        try:
            if self._side_by_side:
                with contextlib.suppress(NotInTurns):
                    return self._in_turns()
                self._side_by_side = False
            return self._one_after_the_other()
        except InvalidRun as invalid:
            self.output = invalid.output
            raise

    def _one_after_the_other(self) -> Pair:
        runs: dict[Environment, Run] = {}
        for environment in self._order.sample((HERE, self._other), 2):
            sampler = FreshRuns(
                self._task,
                lambda _: Size(BLOCKS, self._seconds / 2),
                environment=environment,
                runs_before=self._pairs,
            )
            try:
                with blamed_on(environment):
                    runs[environment] = sampler.next()
            finally:
                if environment is HERE:
                    self.reports = sampler.reports
            self.least = sampler.least
        self._pairs += 1
        now, other = runs[HERE], runs[self._other]
        check_same_work(now.workload, other.workload)
        return Pair(now, other, in_turns=False)

    def _in_turns(self) -> Pair:
        with self._started(HERE) as here, self._started(self._other) as other:
            try:
                pair = self._turns.pair(here, other)
            except pytest.exit.Exception:
                raise
            except Exception as problem:
                for side in (here, other):
                    side.test.stop(str(problem))
                raise
            finally:
                self.reports = here.test.reports
        here.test.check_reports()
        with blamed_on(self._other):
            other.test.check_reports()
        return pair

    @contextlib.contextmanager
    def _started(self, environment: Environment) -> Iterator[Side]:
        with contextlib.ExitStack() as stack:
            with blamed_on(environment):
                test = stack.enter_context(self._task.started(environment, shared=True))
            yield Side.of(environment, test)
