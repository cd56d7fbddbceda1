"""One run, observed: warm the program up, then time blocks of steps until there are enough."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Protocol

from pytest_accel import hardware
from pytest_accel.records import Conditions, Steps
from pytest_accel.records.plans import MIN_BLOCK_S, RunSize
from pytest_accel.records.progress import BlockSeen
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock

MIN_BLOCKS = 5
"""Minimum number of blocks in a run, however long they take."""


MIN_BLOCK_ON_HOSTS_S = 0.5
"""Minimum block length on several hosts: sending the next order takes CPU time from the block that is
running."""


class StepRunner(Protocol):
    """What can be observed: a measurement in this process, or one in a child."""

    def prepare(self) -> PreparedStep: ...

    def block(self, steps: int) -> TimedBlock: ...


def measure_steps(
    subject: StepRunner,
    size: Callable[[], RunSize],
    *,
    startup_time_s: float,
    sample_conditions: Callable[[], Conditions],
    on_progress: Callable[[BlockSeen], None] = lambda _seen: None,
) -> Steps:
    """Prepare and time ``subject``.

    ``sample_conditions`` is called before and after every block, ``size`` once the subject is prepared, and
    ``on_progress`` after every block.

    Raises InvalidRun for a loss that is not finite and for a time that is not positive.
    """
    conditions = [sample_conditions()]
    prepared = subject.prepare()
    run_size = size()
    steps_per_block = _steps_per_block(prepared.step_time_s, run_size)
    blocks: list[TimedBlock] = []
    spent_s = 0.0
    while len(blocks) < MIN_BLOCKS or (len(blocks) < run_size.blocks and spent_s < run_size.seconds):
        blocks.append(checked_block(subject, steps_per_block, len(blocks) + 1))
        spent_s += blocks[-1].time_s
        conditions.append(sample_conditions())
        fastest_s = min(block.time_s for block in blocks) / steps_per_block
        on_progress(BlockSeen(len(blocks), fastest_s, spent_s))
    return steps_record(prepared, blocks, steps_per_block, startup_time_s, conditions)


def steps_record(
    prepared: PreparedStep,
    blocks: Sequence[TimedBlock],
    steps_per_block: int,
    startup_time_s: float,
    conditions: Sequence[Conditions],
) -> Steps:
    """What was seen, as a record."""
    return Steps(
        step_times_s=tuple(block.time_s / steps_per_block for block in blocks),
        steps_per_block=steps_per_block,
        startup_time_s=startup_time_s,
        build_time_s=prepared.build_time_s,
        compile_time_s=prepared.compile_time_s,
        warmup_time_s=prepared.warmup_time_s,
        warmup_steps=prepared.warmup_steps,
        peak_memory_bytes=blocks[-1].peak_memory_bytes,
        losses=tuple(block.loss for block in blocks if block.loss is not None),
        hosts_step_time_s=prepared.single_host_step_times_s or _of_each_host(blocks, steps_per_block),
        conditions=hardware.merge(conditions),
    )


def _of_each_host(blocks: Sequence[TimedBlock], steps_per_block: int) -> tuple[float, ...]:
    """Its median step time. What steps wait for each other is in there, where they do."""
    times_s = zip(*(block.hosts_time_s for block in blocks), strict=True)
    return tuple(statistics.median(of_host) / steps_per_block for of_host in times_s)


def _steps_per_block(step_time_s: float, size: RunSize) -> int:
    """What ``size`` says, unless the step became so slow that the least blocks do not fit its seconds.

    Else a power of two, so that it seldom differs between sessions, and that makes a block long enough.
    """
    asked = size.steps_per_block
    longest_s = max(size.seconds / MIN_BLOCKS, 2 * size.min_block_s)
    if asked is not None and asked * step_time_s <= longest_s:
        return asked
    return long_enough(step_time_s, size.min_block_s)


def long_enough(step_time_s: float, min_block_s: float = MIN_BLOCK_S) -> int:
    """Steps a block, a power of two."""
    return int(2 ** max(0, math.ceil(math.log2(min_block_s / step_time_s))))


def checked_block(subject: StepRunner, steps: int, number: int) -> TimedBlock:
    """Time block ``number``. Raises InvalidRun, see :func:`measure_steps`."""
    block = subject.block(steps)
    if not (math.isfinite(block.time_s) and block.time_s > 0):
        raise InvalidRun(f"block {number} took {block.time_s:g} s, which is not a valid duration")
    if block.loss is not None and not math.isfinite(block.loss):
        raise InvalidRun(
            f"the loss is {block.loss:g} after block {number}: this training diverges, so its speed means "
            "nothing"
        )
    return block
