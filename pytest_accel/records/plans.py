"""What a measuring call asks for, how to make it ready, and how large its runs are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_accel.records.observations import ProgramFacts
from pytest_accel.records.workload import Workload

BLOCKS = 120
"""Blocks in a run: the fastest of 120 varied by 1.3 to 1.9% between processes on two cores, and the fastest
of 40 by 1.6 to 2.3%."""

MIN_BLOCK_S = 0.1
"""A block is at least this long, so that waiting for the device once weighs nothing."""


@dataclass(frozen=True)
class Program:
    """A training step that is ready to run in this process.

    ``step`` starts one step and returns a handle; ``wait`` blocks until that handle's work is done on the
    device and returns the loss, or None where the step gives none. ``peak_memory_bytes`` is the most that
    the device (on a CPU: the process) has held, None if unknown. ``framework`` names what the
    step is made with, once it has run; None where that is known without.
    """

    step: Callable[[], object]
    wait: Callable[[object], float | None]
    peak_memory_bytes: Callable[[], int | None]
    framework: Callable[[], str] | None = None


@dataclass(frozen=True)
class Lowered:
    """A training step as the text of a program, before it is compiled for hardware that need not be here.

    ``fingerprint`` is a hash of all that the compiler's answer depends on: the text, the target, the
    compiler's version and its flags. ``compile`` takes a minute or so; it raises RuntimeError for a program
    that the compiler refuses, one that does not fit into memory included.
    """

    fingerprint: str
    compile: Callable[[], ProgramFacts]


def _not_lowered(topology: str) -> Lowered:
    raise ValueError(f"this step cannot be compiled for {topology} without running it")


@dataclass(frozen=True)
class Plan:
    """What one measuring call asks for: the work, and how to make it ready in this process.

    ``lower`` is asked instead of ``build`` for a program that is only compiled, for the accelerator type that
    it is given. It raises ValueError or TypeError where that cannot be. ``build_single_host_share``, on one
    of several hosts, makes its share of a step, without the others. ``host_batch``: every step is given its
    batch in the memory of the host.
    """

    workload: Workload
    build: Callable[[], Program]
    lower: Callable[[str], Lowered] = _not_lowered
    build_single_host_share: Callable[[], Program] | None = None
    host_batch: bool = False


@dataclass(frozen=True)
class Training:
    """Training that is ready to begin in this process.

    ``compile`` makes the programs ready and leaves the weights alone. ``train`` makes one pass over the
    training set, given the number of the epoch from 0, and returns the mean loss of its steps. ``evaluate``
    returns the shares of the evaluation set that are right at the first guess and among the first five.
    ``save`` writes all that the rest of the training depends on into a folder, ``restore`` reads it.
    ``frozen_variables`` names trainable variables that are as they were at the start.
    """

    train_examples: int
    evaluation_examples: int
    compile: Callable[[], None]
    train: Callable[[int], float]
    evaluate: Callable[[], tuple[float, float]]
    save: Callable[[Path], None]
    restore: Callable[[Path], None]
    frozen_variables: Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class TrainingPlan:
    """What a convergence call asks for: the work, how long, and how to begin it with a seed.

    ``seeds`` are those of the first runs; later ones count on from the highest.
    """

    workload: Workload
    epochs: int
    target: float
    seeds: tuple[int, ...]
    build: Callable[[int], Training]


@dataclass(frozen=True)
class RunSize:
    """How large a run is: blocks, at most ``seconds`` of them; steps a block, None to be chosen.

    They are chosen such that a block takes ``min_block_s`` or more. ``waits``: blocks that other programs
    disturbed do not count, while the run may wait for a quiet machine.
    """

    blocks: int
    seconds: float
    steps_per_block: int | None = None
    min_block_s: float = MIN_BLOCK_S
    waits: bool = True
