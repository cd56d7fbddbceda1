"""Pairs of runs: the same test here and in another environment, each pair from two new processes."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from pytest_accel.records import Kind, Pair, Run
from pytest_accel.records.plans import BLOCKS, RunSize
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.error_attribution import attribute_errors_to
from pytest_accel.runs.fresh_runs import FreshRuns
from pytest_accel.runs.paired_rounds import InterleavedRounds, NotInterleaved, Side, check_same_work
from pytest_accel.runs.worker_process.environments import CURRENT_ENVIRONMENT, Environment
from pytest_accel.runs.worker_process.remote_test import PhaseReport
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.runs.worker_process.same_code import TwoEnvironments
from pytest_accel.worker import provenance
from pytest_accel.worker.environment_facts import Files, LoadedModules


class PairedRuns:
    """Gives pairs of runs of ``run_spec``, here and in ``reference``.

    Their steps take ``seconds`` on both sides together; ``is_precise_enough``: see InterleavedRounds. A TPU
    belongs to one process at a time, a large workload fills a GPU, and training goes on to its end: there
    whole processes come one after the other. ``reports`` and ``output`` are as in FreshRuns, of the run here.
    ``notes`` say what both sides have in common, ``code_changes`` which code of one version differs.
    """

    def __init__(
        self,
        run_spec: RunSpec,
        reference: Environment,
        environments: TwoEnvironments,
        *,
        seconds: float,
        is_precise_enough: Callable[[Sequence[float], Sequence[float]], bool],
        rng: random.Random,
    ) -> None:
        self._run_spec = run_spec
        self._reference = reference
        self._environments = environments
        self._seconds = seconds
        self._rng = rng
        self._turns = InterleavedRounds(run_spec, seconds, is_precise_enough, rng, self._check)
        self._side_by_side = run_spec.accelerator.kind is not Kind.TPU
        self._checked = False
        self._pairs = 0
        self.min_samples = 1
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
                with contextlib.suppress(NotInterleaved):
                    return self._interleaved()
                self._side_by_side = False
            if not self._checked:
                self._check_imports()
            return self._one_after_the_other()
        except InvalidRun as invalid:
            self.output = invalid.output
            raise

    def _check(self, candidate: LoadedModules, reference: LoadedModules) -> None:
        self.notes = self._environments.check(candidate, reference)
        self._checked = True

    def _check_imports(self) -> None:
        """Hear what both sides announce, and measure nothing."""
        announced = {}
        for environment in self._rng.sample((CURRENT_ENVIRONMENT, self._reference), 2):
            with attribute_errors_to(environment), self._run_spec.start_worker(environment) as test:
                test.begin(self._run_spec.accelerator, self._run_spec.options)
                announced[environment] = test.wait_for_request()
                test.stop("what both environments would measure is looked at first")
        self._check(announced[CURRENT_ENVIRONMENT].loaded, announced[self._reference].loaded)

    def _found(self, candidate: Run, reference: Run, code: tuple[Files, Files], *, interleaved: bool) -> Pair:
        """A pair, with all that is installed in its provenance."""
        self.code_changes = self._environments.code_changes(*code)
        sides = ((candidate, self._environments.candidate), (reference, self._environments.reference))
        candidate, reference_run = (
            dataclasses.replace(run, provenance={**provenance.beside_known(side.packages), **run.provenance})
            for run, side in sides
        )
        return Pair(candidate, reference_run, interleaved=interleaved)

    def _one_after_the_other(self) -> Pair:
        code: dict[Environment, Files] = {}
        runs: dict[Environment, Run] = {}
        for environment in self._rng.sample((CURRENT_ENVIRONMENT, self._reference), 2):
            sampler = FreshRuns(
                self._run_spec,
                lambda _: RunSize(BLOCKS, self._seconds / 2),
                environment=environment,
                runs_before=self._pairs,
            )
            try:
                with attribute_errors_to(environment):
                    runs[environment] = sampler.next()
            finally:
                if environment is CURRENT_ENVIRONMENT:
                    self.reports, self.subtests = sampler.reports, sampler.subtests
            self.min_samples = sampler.min_samples
            code[environment] = sampler.code
        self._pairs += 1
        candidate, reference = runs[CURRENT_ENVIRONMENT], runs[self._reference]
        check_same_work(candidate.workload, reference.workload)
        return self._found(
            candidate, reference, (code[CURRENT_ENVIRONMENT], code[self._reference]), interleaved=False
        )

    def _interleaved(self) -> Pair:
        with contextlib.ExitStack() as stack:
            sides = {
                environment: stack.enter_context(self._started(environment))
                for environment in self._rng.sample((CURRENT_ENVIRONMENT, self._reference), 2)
            }
            candidate, reference = sides[CURRENT_ENVIRONMENT], sides[self._reference]
            try:
                pair = self._turns.pair(candidate, reference)
            except pytest.exit.Exception:
                raise
            except Exception as problem:
                for side in (candidate, reference):
                    side.test.stop(str(problem))
                raise
            finally:
                self.reports, self.subtests = candidate.test.reports, candidate.test.subtests
        candidate.test.check_reports()
        with attribute_errors_to(self._reference):
            reference.test.check_reports()
        code = (candidate.test.code, reference.test.code)
        return self._found(pair.candidate, pair.reference, code, interleaved=True)

    @contextlib.contextmanager
    def _started(self, environment: Environment) -> Iterator[Side]:
        with contextlib.ExitStack() as stack:
            with attribute_errors_to(environment):
                test = stack.enter_context(self._run_spec.start_worker(environment, shared=True))
            yield Side.of(environment, test)
