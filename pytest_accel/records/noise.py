"""What ``pytest-accel calibrate`` saw of unchanged benchmarks on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.records.hardware import Kind


@dataclass(frozen=True)
class Sitting:
    """Sessions that followed each other, of benchmarks that did not change.

    ``sessions`` has for each session the step times (s) of its runs, by benchmark; ``pairs`` for each session
    with the same environment on both sides the logarithms of the ratios of its pairs. ``time`` is when it
    began, ISO 8601, ``provenance`` with which versions.
    """

    time: str
    provenance: Mapping[str, str]
    sessions: tuple[Mapping[str, tuple[float, ...]], ...] = ()
    pairs: tuple[Mapping[str, tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class MachineNoise:
    """All sittings on hardware of one identity, oldest first."""

    accelerator: Kind
    sittings: tuple[Sitting, ...]
