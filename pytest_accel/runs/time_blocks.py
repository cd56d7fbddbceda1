"""One run, observed: warm the program up, then time blocks of steps until there are enough."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Protocol

from pytest_accel import hardware
from pytest_accel.analysis.rules.disturbance import MAX_OTHERS_SHARE
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.records import Conditions, Steps
from pytest_accel.records.plans import MIN_BLOCK_S, RunSize
from pytest_accel.records.progress import BlockSeen
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.watched_parts import WatchedParts
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock

MIN_BLOCKS = 5
"""Minimum number of blocks in a run, however long they take."""


MIN_BLOCK_ON_HOSTS_S = 0.5
"""Minimum block length on several hosts: sending the next order takes CPU time from the block that is
running."""


class StepRunner(Protocol):
    """What can be observed: a measurement in this process, or one in a worker."""

    def prepare(self) -> PreparedStep: ...

    def block(self, steps: int) -> TimedBlock: ...


def measure_steps(
    subject: StepRunner,
    size: Callable[[], RunSize],
    *,
    startup_time_s: float,
    sample_conditions: Callable[[], Conditions],
    watch: Callable[[], OtherPrograms | None] = lambda: None,
    wait_s: float = 0.0,
    on_progress: Callable[[BlockSeen], None] = lambda _seen: None,
) -> Steps:
    """Prepare and time ``subject``.

    ``sample_conditions`` is called before and after every block, ``size`` and ``watch`` once the subject is
    prepared, and ``on_progress`` after every block. Blocks that other programs disturbed do not count towards
    the size, for at most ``wait_s`` seconds of them.

    Raises InvalidRun for a loss that is not finite and for a time that is not positive.
    """
    conditions = [sample_conditions()]
    prepared = subject.prepare()
    run_size = size()
    steps_per_block = _steps_per_block(prepared.step_time_s, run_size)
    blocks: list[TimedBlock] = []
    others = WatchedParts(watch())
    while True:
        extra_blocks, extra_s = _disturbed(blocks, others.known_shares, wait_s if run_size.waits else 0.0)
        count, spent_s = len(blocks) - extra_blocks, sum(block.time_s for block in blocks) - extra_s
        if count >= MIN_BLOCKS and (count >= run_size.blocks or spent_s >= run_size.seconds):
            break
        blocks.append(checked_block(subject, steps_per_block, len(blocks) + 1))
        others.part_ended()
        conditions.append(sample_conditions())
        fastest_s = min(block.time_s for block in blocks) / steps_per_block
        on_progress(BlockSeen(count + 1, fastest_s, spent_s + blocks[-1].time_s, others.waiting_for))
    seen = dataclasses.replace(hardware.merge(conditions), other_programs=others.programs)
    steps = steps_record(prepared, blocks, steps_per_block, startup_time_s, seen)
    return dataclasses.replace(steps, others_share=others.shares)


def _disturbed(blocks: Sequence[TimedBlock], shares: Sequence[float], wait_s: float) -> tuple[int, float]:
    """How many of these blocks were disturbed and do not count, and what they took (s)."""
    count, time_s = 0, 0.0
    for block, share in zip(blocks, shares, strict=False):
        if share > MAX_OTHERS_SHARE and time_s < wait_s:
            count, time_s = count + 1, time_s + block.time_s
    return count, time_s


def steps_record(
    prepared: PreparedStep,
    blocks: Sequence[TimedBlock],
    steps_per_block: int,
    startup_time_s: float,
    conditions: Conditions,
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
        conditions=conditions,
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
