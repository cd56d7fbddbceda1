"""Pairs of runs: the same test here and in another environment, block by block in random order.

What a shared machine does to one block it does to its neighbour in the other process, so their ratio holds
still where neither of them does.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pytest_accel import comparable, why
from pytest_accel.measure import Block
from pytest_accel.records import Accelerator, Conditions, Kind, Pair, Run, Workload
from pytest_accel.samplers import InvalidRun, OtherWork, Unmeasured, command, remote_test
from pytest_accel.samplers.child import Hung, started
from pytest_accel.samplers.environments import HERE, Environment
from pytest_accel.samplers.fresh_runs import FreshRuns
from pytest_accel.samplers.observe import BLOCKS, Size, checked_block, long_enough, steps_of
from pytest_accel.samplers.remote_test import PhaseReport, RemoteTest, TestEnded

MOST_SHARED_MEMORY = 0.45
"""Of a GPU's memory: two processes that need more than this each do not fit beside each other."""

LEAST_ROUNDS = 5
"""A pair has so many rounds, however long they take."""


T = TypeVar("T")

_GREETING_S = 120.0
"""How long the other environment may take to say that it is there: a container has to be made first."""


class _TooLarge(Exception):
    """Two processes do not fit on the accelerator."""


@dataclass(frozen=True)
class _Side:
    """One of the two processes of a pair."""

    environment: Environment
    test: RemoteTest


class Interleaved:
    """Gives pairs of runs of ``item``, here and in ``other``, each from two new processes.

    A pair takes rounds, a block on each side, for ``seconds`` of steps, or until ``enough`` is true of the
    step times (s) of both sides. A TPU belongs to one process at a time, and a large workload fills a GPU:
    there whole processes come one after the other. ``reports`` are those of the last run here. The rest is
    as in FreshRuns.
    """

    def __init__(
        self,
        item: pytest.Item,
        accelerator: Accelerator,
        other: Environment,
        watch: Callable[[frozenset[int]], Conditions],
        *,
        seconds: float,
        enough: Callable[[Sequence[float], Sequence[float]], bool],
        options: Mapping[str, Any],
        timeout_s: float,
        order: random.Random,
    ) -> None:
        self._item = item
        self._accelerator = accelerator
        self._other = other
        self._watch = watch
        self._seconds = seconds
        self._enough = enough
        self._options = options
        self._timeout_s = timeout_s
        self._order = order
        self._side_by_side = accelerator.kind is not Kind.TPU
        self.reports: list[PhaseReport] = []
        self.output = ""

    def next(self) -> Pair:
        """Raises InvalidRun, also for a test that ends early in the other environment only.

        Raises Unmeasured and TestEnded where the test did not end normally here.
        """
        self.reports = []
        try:
            if self._side_by_side:
                with contextlib.suppress(_TooLarge):
                    return self._in_turns()
                self._side_by_side = False
            return self._one_after_the_other()
        except InvalidRun as invalid:
            self.output = invalid.output
            raise

    def _one_after_the_other(self) -> Pair:
        runs: dict[Environment, Run] = {}
        for environment in self._shuffled((HERE, self._other)):
            sampler = FreshRuns(
                self._item,
                self._accelerator,
                lambda _: Size(BLOCKS, self._seconds / 2),
                self._watch,
                options=self._options,
                timeout_s=self._timeout_s,
                environment=environment,
                every_package=True,
            )
            try:
                with _blamed_on(environment):
                    runs[environment] = sampler.next()
            finally:
                if environment is HERE:
                    self.reports = sampler.reports
        _check_same_work(*(runs[environment].workload for environment in (HERE, self._other)))
        return Pair(runs[HERE], runs[self._other], in_turns=False)

    def _in_turns(self) -> Pair:
        with self._started(HERE) as here, self._started(self._other) as other:
            sides = (here, other)
            try:
                pair = self._measured(sides)
            except pytest.exit.Exception:
                raise
            except Exception as problem:
                for side in sides:
                    side.test.stop(str(problem) or "its processes do not fit on the accelerator together")
                raise
            finally:
                self.reports = here.test.reports
        here.test.check_reports()
        with _blamed_on(self._other):
            other.test.check_reports()
        return pair

    @contextlib.contextmanager
    def _started(self, environment: Environment) -> Iterator[_Side]:
        arguments = command.arguments(self._item)
        folder = self._item.config.invocation_params.dir
        with contextlib.ExitStack() as stack:
            with _blamed_on(environment):
                variables = environment.variables(self._accelerator.kind, shared=True)
                child = stack.enter_context(
                    started(environment, arguments, variables, folder, self._timeout_s)
                )
            yield _Side(environment, RemoteTest(self._item, child, environment, every_package=True))

    def _measured(self, sides: tuple[_Side, _Side]) -> Pair:
        kind = self._accelerator.kind
        for side in sides:
            with _blamed_on(side.environment):
                side.test.begin(
                    self._accelerator, self._options, side.environment.variables(kind, shared=True)
                )
        workloads = []
        for side in sides:
            with _blamed_on(side.environment):
                workloads.append(side.test.plan())
        _check_same_work(*workloads)
        own = frozenset({os.getpid(), *(side.test.pid for side in sides)})
        conditions = [self._watch(own)]
        prepared = {}
        for side in self._shuffled(sides):
            with _blamed_on(side.environment):
                prepared[side.environment] = side.test.prepare()
                self._check_fits(side.test.block(1))
        steps_per_block = long_enough(min(each.step_time_s for each in prepared.values()))
        blocks = self._rounds(sides, steps_per_block)
        conditions.append(self._watch(own))
        runs: list[Run] = []
        for side, workload in zip(sides, workloads, strict=True):
            steps = steps_of(
                prepared[side.environment],
                blocks[side.environment],
                steps_per_block,
                side.test.startup_time_s,
                conditions,
            )
            with _blamed_on(side.environment):
                runs.append(side.test.finish(workload, steps))
        now, there = runs
        return Pair(now, there, in_turns=True)

    def _rounds(self, sides: tuple[_Side, _Side], steps_per_block: int) -> dict[Environment, list[Block]]:
        """Blocks of both sides, as many of one as of the other."""
        blocks: dict[Environment, list[Block]] = {side.environment: [] for side in sides}
        here, other = blocks.values()
        spent_s = 0.0
        while len(here) < LEAST_ROUNDS or (
            spent_s < self._seconds and not self._enough(_times_s(here), _times_s(other))
        ):
            for side in self._shuffled(sides):
                with _blamed_on(side.environment):
                    number = len(blocks[side.environment]) + 1
                    block = checked_block(side.test, steps_per_block, number)
                blocks[side.environment].append(block)
                spent_s += block.time_s
        return blocks

    def _check_fits(self, block: Block) -> None:
        """Raise _TooLarge unless as much again fits on the GPU."""
        if self._accelerator.kind is Kind.GPU:
            memory, peak = self._accelerator.memory_bytes, block.peak_memory_bytes
            if memory is None or peak is None or peak > MOST_SHARED_MEMORY * memory:
                raise _TooLarge

    def _shuffled(self, pair: tuple[T, T]) -> tuple[T, T]:
        first, second = pair
        return (first, second) if self._order.random() < 0.5 else (second, first)


def check(environment: Environment, folder: Path) -> None:
    """Raise InvalidRun if tests cannot run in this environment; started in ``folder``."""
    with started(environment, ["--version"], {}, folder, _GREETING_S) as child:
        try:
            remote_test.check(child.greeting())
            child.load({}, {})
            status = child.exit_status()
        except Hung as hung:
            raise InvalidRun(f"it gives no sign of life within {_GREETING_S:g} s", hung.output) from None
        if status != 0:
            raise InvalidRun(f"its pytest does not start: it ends with exit status {status}", child.output)


def _times_s(blocks: Sequence[Block]) -> list[float]:
    return [block.time_s for block in blocks]


@contextlib.contextmanager
def _blamed_on(environment: Environment) -> Iterator[None]:
    """Let what goes wrong say where it did; the end of the test in the other environment is no end here."""
    where = f"in {environment.name}"
    try:
        yield
    except InvalidRun as invalid:
        raise InvalidRun(f"{where}: {invalid}", invalid.output) from None
    except Unmeasured:
        if environment is HERE:
            raise
        raise InvalidRun(f"{where} the test made no measuring call") from None
    except TestEnded as ended:
        if environment is HERE:
            raise
        report = ended.phase.report
        end = f"is skipped: {why.skipped(report)}" if report.skipped else f"fails: {why.failed(report)}"
        shown = "" if report.skipped else report.longreprtext
        raise InvalidRun(f"{where} the test {end}", shown) from None


def _check_same_work(here: Workload, other: Workload) -> None:
    """Raise OtherWork unless both environments were asked for the same."""
    if here.hash != other.hash:
        raise OtherWork(", ".join(comparable.differing_fields(other, here)))
