"""Timing one training step in this process: build, compile, warm-up, then blocks of steps on command.

The clocks are kept apart, and the device is waited for once, at the end of a block.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_accel.records import Plan, Program

__tracebackhide__ = True  # pytest then shows the user's own lines only

CLOCK = pytest.StashKey[Callable[[], float]]()
"""In ``config.stash``, a clock in place of ``time.perf_counter``: tests of benchmarks need not take time."""


def clock_of(config: pytest.Config, real: Callable[[], float] = time.perf_counter) -> Callable[[], float]:
    """The clock of a session.

    The real one is taken when this file is imported, which is before any test is: libraries that freeze time
    replace what modules hold, but not the default of an argument.
    """
    return config.stash.get(CLOCK, real)


WARMUP_BLOCK_S = 0.05
"""Warm-up looks at blocks of at least this length, so that a step of microseconds settles as well."""

SETTLED = 0.02
"""Step times have settled when no new block is faster than all before it by more than this."""

SETTLED_BLOCKS = 3
"""Number of blocks in a row that must bring nothing faster."""

MAX_WARMUP_S = 20.0
"""Warm-up ends here even if step times have not settled."""

SINGLE_HOST_STEPS, SINGLE_HOST_S = 5, 1.0
"""Minimum steps and seconds for timing the share of one host on its own."""

MAX_STEPS_PER_BLOCK = 2**20
"""A block that takes no time at this length is not work that a clock can see."""


class UnmeasurableStep(Exception):
    """A step whose time is not a positive number; the message says so."""


@dataclass(frozen=True)
class PreparedStep:
    """What it took until the program was ready: seconds, and a first look at one settled step.

    ``single_host_step_time_s`` is what a host takes for its share of a step without the others, where that
    can be told; ``single_host_step_times_s`` has that of every host.
    """

    build_time_s: float
    compile_time_s: float
    warmup_time_s: float = 0.0
    warmup_steps: int = 0
    step_time_s: float = math.nan
    single_host_step_time_s: float | None = None
    single_host_step_times_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class TimedBlock:
    """One timed block: seconds for all its steps, the loss of its last step, peak memory so far.

    ``hosts_time_s`` has the seconds of every host, where there are several.
    """

    time_s: float
    loss: float | None
    peak_memory_bytes: int | None
    hosts_time_s: tuple[float, ...] = ()


class StepTimer:
    """One plan, measured in this process. ``clock`` counts seconds.

    Once it is prepared, the workload of ``plan`` has the framework that the step is made with.
    """

    def __init__(self, plan: Plan, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.plan = plan
        self._clock = clock
        self._program: Program | None = None

    def prepare(self, *, settle: bool = True) -> PreparedStep:
        """Build the program, compile it with its first step, and, to ``settle`` it, warm it up.

        Raises whatever building and stepping raise, and UnmeasurableStep for a step that takes no time.
        """
        single_host_step_time_s = self._time_single_host_share()
        start = self._clock()
        self._program = self.plan.build()
        built = self._clock()
        self.block(1)
        compiled = self._clock()
        if self._program.framework is not None:
            workload = dataclasses.replace(self.plan.workload, framework=self._program.framework())
            self.plan = dataclasses.replace(self.plan, workload=workload)
        prepared = PreparedStep(
            built - start, compiled - built, single_host_step_time_s=single_host_step_time_s
        )
        return warm_up(prepared, self.block, self._clock) if settle else prepared

    def block(self, steps: int) -> TimedBlock:
        """Time ``steps`` steps, waiting for the device once, after the last."""
        program = self._program
        if program is None:
            raise RuntimeError("prepare() comes before block()")
        step = program.step
        start = self._clock()
        for _ in range(steps - 1):
            step()
        loss = program.wait(step())
        return TimedBlock(self._clock() - start, loss, program.peak_memory_bytes())

    def _time_single_host_share(self) -> float | None:
        """What this host takes for its share of a step: the fastest of those that fit into a second or so."""
        if self.plan.build_single_host_share is None:
            return None
        self._program = self.plan.build_single_host_share()
        self.block(1)
        begin = self._clock()
        times_s = [self.block(1).time_s for _ in range(SINGLE_HOST_STEPS)]
        while self._clock() - begin < SINGLE_HOST_S:
            times_s.append(self.block(1).time_s)
        self._program = None  # its memory is needed for the step over all hosts
        return min(times_s)


def warm_up(
    prepared: PreparedStep, block: Callable[[int], TimedBlock], clock: Callable[[], float] = time.perf_counter
) -> PreparedStep:
    """Warm up by blocks of a growing number of steps until their times have settled.

    Raises what ``block`` raises, and UnmeasurableStep for a step that takes no time.
    """
    begin = clock()
    steps_per_block, steps, unchanged = 1, 0, 0
    fastest_s = float("inf")
    while unchanged < SETTLED_BLOCKS and clock() - begin < MAX_WARMUP_S:
        block_time_s = block(steps_per_block).time_s
        steps += steps_per_block
        step_time_s = block_time_s / steps_per_block
        unchanged = unchanged + 1 if step_time_s >= fastest_s * (1 - SETTLED) else 0
        fastest_s = min(fastest_s, step_time_s)
        if block_time_s < WARMUP_BLOCK_S:
            if steps_per_block >= MAX_STEPS_PER_BLOCK:
                raise UnmeasurableStep(
                    f"{steps_per_block} steps took {block_time_s:g} s: there is no work to be timed"
                )
            steps_per_block *= 2
            unchanged = 0
    return dataclasses.replace(
        prepared, warmup_time_s=clock() - begin, warmup_steps=steps, step_time_s=fastest_s
    )
