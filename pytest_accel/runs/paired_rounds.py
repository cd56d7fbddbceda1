"""One pair of runs side by side: two processes take turns, a block of steps each, in random order.

What a shared machine does to one block it does to its neighbour in the other process, so their ratio holds
still where neither of them does.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_accel import hardware
from pytest_accel.analysis import workload_diff
from pytest_accel.records import Kind, Pair, Run, Workload
from pytest_accel.records.progress import BlockSeen, OnBlock
from pytest_accel.records.run_errors import OtherWork
from pytest_accel.runs.error_attribution import attribute_errors_to
from pytest_accel.runs.time_blocks import checked_block, long_enough, steps_record
from pytest_accel.runs.worker_process.environments import Environment
from pytest_accel.runs.worker_process.remote_steps import RemoteSteps
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.worker.environment_facts import LoadedModules
from pytest_accel.worker.messages import BenchmarkRequest
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock

MAX_SHARED_MEMORY = 0.45
"""Of a GPU's memory: two processes that need more than this each do not fit beside each other."""

MIN_ROUNDS_PER_PAIR = 5
"""Minimum number of rounds in a pair, however long they take."""

T = TypeVar("T")


class NotInterleaved(Exception):
    """The two runs of a pair cannot take turns; the message says why."""


@dataclass(frozen=True)
class Side:
    """One of the two processes of a pair."""

    environment: Environment
    test: RemoteTest
    steps: RemoteSteps

    @classmethod
    def of(cls, environment: Environment, test: RemoteTest) -> Side:
        return cls(environment, test, RemoteSteps(test))

    @property
    def workload(self) -> Workload:
        """What it does, once that is prepared."""
        assert self.steps.workload is not None
        return self.steps.workload


class InterleavedRounds:
    """Measures pairs of processes of ``run_spec``: rounds of one block per side, for ``seconds`` of steps.

    Rounds end sooner where ``is_precise_enough`` is true of the step times (s) of both sides. ``check`` is
    called with what both have imported, before anything is measured.
    """

    def __init__(
        self,
        run_spec: RunSpec,
        seconds: float,
        is_precise_enough: Callable[[Sequence[float], Sequence[float]], bool],
        rng: random.Random,
        check: Callable[[LoadedModules, LoadedModules], None],
    ) -> None:
        self._run_spec = run_spec
        self._seconds = seconds
        self._is_precise_enough = is_precise_enough
        self._rng = rng
        self._check = check
        self._pairs = 0

    def pair(self, candidate: Side, reference: Side) -> Pair:
        """Raises NotInterleaved, OtherWork, and what RemoteTest raises."""
        sides = (candidate, reference)
        self._pairs += 1
        planned = self._planned(sides)
        conditions = [self._run_spec.sample_conditions_beside(candidate.test, reference.test)]
        prepared = self._prepared(sides)
        check_same_work(candidate.workload, reference.workload)
        self._check(candidate.steps.loaded, reference.steps.loaded)
        steps_per_block = self._steps_per_block(sides, prepared)
        with self._run_spec.progress.steps(f"pair {self._pairs}", None, self._seconds) as on_progress:
            blocks = self._rounds(sides, steps_per_block, on_progress)
        conditions.append(self._run_spec.sample_conditions_beside(candidate.test, reference.test))
        runs = []
        for side in sides:
            where = side.environment
            with attribute_errors_to(where):
                plan = planned[where]
                steps = steps_record(
                    prepared[where],
                    blocks[where],
                    steps_per_block,
                    plan.startup_time_s,
                    hardware.merge(conditions),
                )
                side.test.describe()
                side.test.finish(steps)
            runs.append(Run(side.workload, steps, side.test.provenance))
        candidate_run, reference_run = runs
        return Pair(candidate_run, reference_run, interleaved=True)

    def _planned(self, sides: tuple[Side, Side]) -> dict[Environment, BenchmarkRequest]:
        for side in self._shuffled(sides):
            with attribute_errors_to(side.environment):
                side.test.begin(self._run_spec.accelerator, self._run_spec.options)
        planned = {}
        for side in sides:
            with attribute_errors_to(side.environment):
                planned[side.environment] = side.test.wait_for_request()
        candidate, reference = (planned[side.environment] for side in sides)
        check_same_work(candidate.workload, reference.workload, but_framework=True)
        self._check(candidate.loaded, reference.loaded)
        if any(plan.training for plan in planned.values()):
            raise NotInterleaved("training goes on to its end before the other environment's turn")
        return planned

    def _prepared(self, sides: tuple[Side, Side]) -> dict[Environment, PreparedStep]:
        """On a CPU both at once, where compiling times nothing; a GPU's kernels are chosen by timing them."""
        on_cpu = self._run_spec.accelerator.kind is Kind.CPU
        if on_cpu:
            for side in self._shuffled(sides):
                with attribute_errors_to(side.environment):
                    side.steps.begin_to_prepare()
        prepared = {}
        for side in self._shuffled(sides):
            with attribute_errors_to(side.environment):
                prepared[side.environment] = side.steps.prepared() if on_cpu else side.steps.prepare()
                self._check_fits(side.steps)
        return prepared

    def _steps_per_block(self, sides: tuple[Side, Side], prepared: dict[Environment, PreparedStep]) -> int:
        """Steps that are long enough for the faster side, by a look at each while the other waits."""
        steps = long_enough(min(each.step_time_s for each in prepared.values()))
        looks_s = []
        for side in self._shuffled(sides):
            with attribute_errors_to(side.environment):
                looks_s.append(checked_block(side.steps, steps, 1).time_s)
        return long_enough(min(looks_s) / steps)

    def _rounds(
        self, sides: tuple[Side, Side], steps_per_block: int, on_progress: OnBlock
    ) -> dict[Environment, list[TimedBlock]]:
        """Blocks of both sides, as many of one as of the other."""
        blocks: dict[Environment, list[TimedBlock]] = {side.environment: [] for side in sides}
        candidate, reference = blocks.values()
        spent_s = 0.0
        while len(candidate) < MIN_ROUNDS_PER_PAIR or (
            spent_s < self._seconds and not self._is_precise_enough(_times_s(candidate), _times_s(reference))
        ):
            for side in self._shuffled(sides):
                with attribute_errors_to(side.environment):
                    number = len(blocks[side.environment]) + 1
                    block = checked_block(side.steps, steps_per_block, number)
                blocks[side.environment].append(block)
                spent_s += block.time_s
            on_progress(BlockSeen(len(candidate), min(_times_s(candidate)) / steps_per_block, spent_s))
        return blocks

    def _check_fits(self, subject: RemoteSteps) -> None:
        """Raise NotInterleaved unless as much again fits on the GPU."""
        accelerator = self._run_spec.accelerator
        if accelerator.kind is Kind.GPU:
            memory, peak = accelerator.memory_bytes, subject.block(1).peak_memory_bytes
            if memory is None or peak is None or peak > MAX_SHARED_MEMORY * memory:
                raise NotInterleaved("two processes do not fit on the accelerator together")

    def _shuffled(self, sides: tuple[T, T]) -> tuple[T, T]:
        first, second = sides
        return (first, second) if self._rng.random() < 0.5 else (second, first)


def check_same_work(candidate: Workload, reference: Workload, *, but_framework: bool = False) -> None:
    """Raise OtherWork unless both environments were asked for the same.

    ``but_framework``: before a step has run, which may be made with another one than is supposed.
    """
    if but_framework:
        reference = dataclasses.replace(reference, framework=candidate.framework)
    if candidate.hash != reference.hash:
        raise OtherWork(", ".join(workload_diff.differing_fields(reference, candidate)))


def _times_s(blocks: Sequence[TimedBlock]) -> list[float]:
    return [block.time_s for block in blocks]
