"""What is measured, and on what: the hardware, the work of a step, a program that does it."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None


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
    the device (on a CPU: the process) has held, None where it cannot be told.
    """

    step: Callable[[], object]
    wait: Callable[[object], float | None]
    peak_memory_bytes: Callable[[], int | None]


@dataclass(frozen=True)
class Plan:
    """What one measuring call asks for: the work, and how to make it ready in this process."""

    workload: Workload
    build: Callable[[], Program]
