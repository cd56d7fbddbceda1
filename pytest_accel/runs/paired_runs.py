"""Pairs of runs: the same test here and in another environment, each pair from two new processes."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from pytest_accel.records import Kind, Pair, Run
from pytest_accel.records.plans import BLOCKS, Size
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.error_attribution import blamed_on
from pytest_accel.runs.fresh_runs import FreshRuns
from pytest_accel.runs.paired_rounds import InTurns, NotInTurns, Side, check_same_work
from pytest_accel.runs.worker_process.environments import HERE, Environment
from pytest_accel.runs.worker_process.remote_test import PhaseReport
from pytest_accel.runs.worker_process.run_spec import Task
from pytest_accel.runs.worker_process.same_code import TwoEnvironments
from pytest_accel.worker import provenance
from pytest_accel.worker.environment_facts import Files, LoadedModules


class Interleaved:
    """Gives pairs of runs of ``task``, here and in ``other``.

    Their steps take ``seconds`` on both sides together; ``enough``: see InTurns. A TPU belongs to one process
    at a time, a large workload fills a GPU, and training goes on to its end: there whole processes come one
    after the other. ``reports`` and ``output`` are as in FreshRuns, of the run here. ``notes`` say what both
    sides have in common, ``code_changes`` which code of one version differs.
    """

    def __init__(
        self,
        task: Task,
        other: Environment,
        environments: TwoEnvironments,
        *,
        seconds: float,
        enough: Callable[[Sequence[float], Sequence[float]], bool],
        order: random.Random,
    ) -> None:
        self._task = task
        self._other = other
        self._environments = environments
        self._seconds = seconds
        self._order = order
        self._turns = InTurns(task, seconds, enough, order, self._check)
        self._side_by_side = task.accelerator.kind is not Kind.TPU
        self._checked = False
        self._pairs = 0
        self.least = 1
        self.reports: list[PhaseReport] = []
        self.subtests: list[pytest.TestReport] = []
        self.output = ""
        self.notes: tuple[str, ...] = ()
        self.code_changes: tuple[str, ...] = ()

    def next(self) -> Pair:
        """Raises InvalidRun, also for a test that ends early in the other environment only.

        Raises SameCode where both sides would run one program. Raises Unmeasured and TestEnded where the test
        did not end normally here.
        """
        self.reports, self.subtests = [], []
        try:
            if self._side_by_side:
                with contextlib.suppress(NotInTurns):
                    return self._in_turns()
                self._side_by_side = False
            if not self._checked:
                self._look()
            return self._one_after_the_other()
        except InvalidRun as invalid:
            self.output = invalid.output
            raise

    def _check(self, here: LoadedModules, other: LoadedModules) -> None:
        self.notes = self._environments.check(here, other)
        self._checked = True

    def _look(self) -> None:
        """Hear what both sides announce, and measure nothing."""
        announced = {}
        for environment in self._order.sample((HERE, self._other), 2):
            with blamed_on(environment), self._task.started(environment) as test:
                test.begin(self._task.accelerator, self._task.options)
                announced[environment] = test.plan()
                test.stop("what both environments would measure is looked at first")
        self._check(announced[HERE].loaded, announced[self._other].loaded)

    def _found(self, here: Run, other: Run, code: tuple[Files, Files], *, in_turns: bool) -> Pair:
        """A pair, with all that is installed in its provenance."""
        self.code_changes = self._environments.code_changes(*code)
        sides = ((here, self._environments.here), (other, self._environments.other))
        now, then = (
            dataclasses.replace(run, provenance={**provenance.beside_known(side.packages), **run.provenance})
            for run, side in sides
        )
        return Pair(now, then, in_turns=in_turns)

    def _one_after_the_other(self) -> Pair:
        code: dict[Environment, Files] = {}
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
                    self.reports, self.subtests = sampler.reports, sampler.subtests
            self.least = sampler.least
            code[environment] = sampler.code
        self._pairs += 1
        now, other = runs[HERE], runs[self._other]
        check_same_work(now.workload, other.workload)
        return self._found(now, other, (code[HERE], code[self._other]), in_turns=False)

    def _in_turns(self) -> Pair:
        with contextlib.ExitStack() as stack:
            sides = {
                environment: stack.enter_context(self._started(environment))
                for environment in self._order.sample((HERE, self._other), 2)
            }
            here, other = sides[HERE], sides[self._other]
            try:
                pair = self._turns.pair(here, other)
            except pytest.exit.Exception:
                raise
            except Exception as problem:
                for side in (here, other):
                    side.test.stop(str(problem))
                raise
            finally:
                self.reports, self.subtests = here.test.reports, here.test.subtests
        here.test.check_reports()
        with blamed_on(self._other):
            other.test.check_reports()
        code = (here.test.code, other.test.code)
        return self._found(pair.now, pair.other, code, in_turns=True)

    @contextlib.contextmanager
    def _started(self, environment: Environment) -> Iterator[Side]:
        with contextlib.ExitStack() as stack:
            with blamed_on(environment):
                test = stack.enter_context(self._task.started(environment, shared=True))
            yield Side.of(environment, test)
