"""Several devices against one: what each contributes, and how much of its throughput alone that is. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.records import Baseline, Workload


@dataclass(frozen=True)
class Scaling:
    """Throughput of N devices over N times that of one, from 0 to about 1.

    Weak scaling gives each device as many examples as the one alone had, strong scaling divides these.
    """

    kind: str
    efficiency: float
    throughput_alone: float


def scaling(workload: Workload, throughput: float, devices: int, alone: Baseline) -> Scaling | None:
    """Against the baseline that one device has for the same benchmark; None if that was other work.

    ``throughput`` is in examples / s over all devices.
    """
    before = alone.workload
    kinds = {workload.examples_per_step: "strong", workload.examples_per_step / devices: "weak"}
    kind = kinds.get(before.examples_per_step)
    known = alone.current.summary.get("throughput")
    same = dataclasses.replace(workload, examples_per_step=before.examples_per_step).hash == before.hash
    if kind is None or not same or not known:
        return None
    return Scaling(kind, throughput / devices / known, known)


def metrics(throughput: float, devices: int, measured: Scaling | None) -> Mapping[str, float]:
    """By name; ``throughput_per_device`` is in examples / s."""
    numbers = {"throughput_per_device": throughput / devices}
    if measured is not None:
        numbers[f"{measured.kind}_scaling_efficiency"] = measured.efficiency
    return numbers
