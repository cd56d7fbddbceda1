"""The hardware under a benchmark, and what it costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """The kind of an accelerator."""

    CPU = "cpu"
    GPU = "gpu"
    TPU = "tpu"


@dataclass(frozen=True)
class Accelerator:
    """The hardware under the benchmark, as found in this machine.

    ``identity`` names the baseline folder. ``memory_bytes`` is that of one device, and of the whole
    machine for a CPU; None if unknown.
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
