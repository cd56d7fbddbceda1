"""What is measured, and on what: the hardware, the work of a step, a program that does it."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_accel.records.observations import ProgramFacts

Scalar = str | int | float | bool | None

DataSource = str | Callable[[], object] | None
"""Where data comes from: a folder, a function of the user's own that makes it, or neither."""


class Kind(enum.StrEnum):
    """The kind of an accelerator."""

    CPU = "cpu"
    GPU = "gpu"
    TPU = "tpu"


@dataclass(frozen=True)
class Accelerator:
    """The hardware under the benchmark, as found in this machine.

    ``identity`` names the baseline folder. ``memory_bytes`` is that of one device, and of the whole
    machine for a CPU; None where it cannot be told.
    """

    identity: str
    kind: Kind
    model: str
    devices: int
    topology: str | None = None
    hosts: int = 1
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Price:
    """What an hour of the whole machine costs in USD.

    The rest says of an entry of the price book what was priced, on which terms, where, when (ISO 8601) and
    by whom.
    """

    usd_per_hour: float
    name: str | None = None
    hardware: str | None = None
    terms: str | None = None
    region: str | None = None
    date: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Workload:
    """Everything that defines the work of one step. Two runs compare only if this matches exactly.

    The framework's *name* belongs to it; versions do not: they are what is under test.
    """

    name: str
    framework: str
    examples_per_step: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Scalar]:
        """All that is compared, flat: the name, the framework, the batch and every parameter."""
        return {
            "name": self.name,
            "framework": self.framework,
            "examples_per_step": self.examples_per_step,
            **self.parameters,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the fields as canonical JSON, first 16 hexadecimal digits."""
        text = json.dumps(self.fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Program:
    """A training step that is ready to run in this process.

    ``step`` starts one step and returns a handle; ``wait`` blocks until that handle's work is done on the
    device and returns the loss, or None where the step gives none. ``peak_memory_bytes`` is the most that
    the device (on a CPU: the process) has held, None where it cannot be told. ``framework`` names what the
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
    it is given. It raises ValueError or TypeError where that cannot be. ``build_alone``, on one of several
    hosts, makes its share of a step, without the others.
    """

    workload: Workload
    build: Callable[[], Program]
    lower: Callable[[str], Lowered] = _not_lowered
    build_alone: Callable[[], Program] | None = None


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
