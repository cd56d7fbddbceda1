"""How much the step time of an unchanged program varies between runs. Pure.

The rule: the standard deviation seen within accepted sessions, but never less than a floor that is declared
for the kind of accelerator. Runs of one session follow each other within minutes and share the state of the
machine, so they differ less than runs of two days do. Data may therefore raise the declared figure and never
lower it. docs/verdicts.md has the simulations behind the constants.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.records import Kind
from pytest_accel.stats import pooled_log_variance

FLOOR_SD: Mapping[Kind, float] = {Kind.CPU: 0.02, Kind.GPU: 0.005, Kind.TPU: 0.003}
"""Least standard deviation of the log step time between runs.

The CPU's covers two recordings of 12 sessions each on two shared cores (1.8 % and 1.5 %). Those of GPU and
TPU are declared, not measured: a dedicated device with few other users.
"""

FLOOR_DOF = 22
"""Degrees of freedom of the interval: those of the two recordings that the CPU's floor rests on."""

MEASURED_DOF = 8
"""From here on the data confirm the floor: their standard deviation is known to a quarter (1/sqrt(2 dof))."""


@dataclass(frozen=True)
class BetweenRun:
    """Standard deviation of the log step time between runs, as a policy wants it.

    ``assumed`` is true where the declared floor is used and too few runs were recorded to confirm it.
    """

    sd: float
    dof: float
    assumed: bool


def between_run(kind: Kind, groups: Sequence[Sequence[float]]) -> BetweenRun:
    """Pool what the benchmarks of one hardware identity tell about the variation between runs.

    Each group holds the step times (s) of the runs of one accepted entry of one benchmark. Groups of one
    run are allowed and tell nothing. Raises ValueError for a step time that is not positive.
    """
    variance, dof = pooled_log_variance(groups)
    measured, floor = math.sqrt(variance), FLOOR_SD[kind]
    return BetweenRun(
        sd=max(floor, measured),
        dof=FLOOR_DOF,
        assumed=measured <= floor and dof < MEASURED_DOF,
    )
