"""Accepted baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_accel.records.benchmarks import Benchmark
from pytest_accel.records.observations import Observation
from pytest_accel.records.workload import Workload


@dataclass(frozen=True)
class AcceptedEntry:
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
    """All that was ever accepted for one benchmark on one hardware identity, oldest first.

    ``parameters`` are those of the test, a text each; empty where there are none, and in files of versions
    that did not know them.
    """

    benchmark: str
    workload: Workload
    accepted: tuple[AcceptedEntry, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def fits(self, benchmark: Benchmark) -> bool:
        """Whether the test stands for the parameters that were accepted, as far as the file says which."""
        return not self.parameters or self.parameters == benchmark.parameters

    @property
    def anchor(self) -> AcceptedEntry:
        return self.accepted[0]

    @property
    def current(self) -> AcceptedEntry:
        return self.accepted[-1]
