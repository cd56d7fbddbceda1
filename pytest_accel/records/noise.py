"""What ``pytest-accel calibrate`` saw of unchanged benchmarks on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.records.hardware import Kind


@dataclass(frozen=True)
class GpuState:
    """A board during a sitting: its clock (MHz) while it was busy, and its highest temperature (Celsius).

    None is what its driver did not tell.
    """

    uuid: str
    power_limit_w: float | None = None
    max_temperature_c: int | None = None
    min_clock_mhz: int | None = None
    max_clock_mhz: int | None = None


@dataclass(frozen=True)
class Sitting:
    """Sessions that followed each other, of benchmarks that did not change.

    ``sessions`` has for each session the step times (s) of its runs, by benchmark; ``pairs`` for each session
    with the same environment on both sides the logarithms of the ratios of its pairs. ``time`` is when it
    began, ISO 8601, ``provenance`` with which versions. ``gpus`` are those that could be used.
    """

    time: str
    provenance: Mapping[str, str]
    sessions: tuple[Mapping[str, tuple[float, ...]], ...] = ()
    pairs: tuple[Mapping[str, tuple[float, ...]], ...] = ()
    gpus: tuple[GpuState, ...] = ()


@dataclass(frozen=True)
class MachineNoise:
    """All sittings on hardware of one identity, oldest first."""

    accelerator: Kind
    sittings: tuple[Sitting, ...]
