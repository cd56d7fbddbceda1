"""What was seen when somebody last looked and agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.records.observations import Observation
from pytest_accel.records.work import Workload


@dataclass(frozen=True)
class Accepted:
    """Observations that somebody accepted: when (ISO 8601, UTC), with which versions, and the runs.

    Entries between the first (the anchor) and the last (in force) keep only their ``summary``; their
    ``runs`` are empty.
    """

    time: str
    provenance: Mapping[str, str]
    summary: Mapping[str, float]
    runs: tuple[Observation, ...]


@dataclass(frozen=True)
class Baseline:
    """All that was ever accepted for one benchmark on one hardware identity, oldest first."""

    benchmark: str
    workload: Workload
    accepted: tuple[Accepted, ...]

    @property
    def anchor(self) -> Accepted:
        return self.accepted[0]

    @property
    def in_force(self) -> Accepted:
        return self.accepted[-1]
