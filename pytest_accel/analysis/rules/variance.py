"""How much the step time of an unchanged program varies between runs. Pure.

Within a session: the standard deviation seen in accepted sessions, but never less than a floor that is
declared for the kind of accelerator, and is higher for runs of few blocks. Runs of one session follow each
other within minutes and share the state of the machine, so a session can be quiet by chance: data may raise
the declared figure and never lower it.

Between sessions: a share of that, which no single session can show. A machine whose runs differ much within
minutes differs more from one hour to the next, too.

docs/error-rates.md has the figures behind the constants, studies/detection/detection_study.py recomputes
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.stats import pooled_log_variance
from pytest_accel.records import Kind

MIN_RUN_SD: Mapping[Kind, float] = {Kind.CPU: 0.017, Kind.GPU: 0.003, Kind.TPU: 0.002}
"""Least standard deviation of the log step time between the runs of a session.

The CPU's covers two recordings of 12 sessions each on two quiet cores: 1.5% within three sessions in a row,
and with SHARED the 1.8% and 1.5% between all. Those of GPU and TPU are declared, not measured: a dedicated
device with few other users.
"""

SESSION_SD_RATIO = 0.7
"""Standard deviation of what all runs of a session have in common, over that between its runs.

Recorded sessions, minutes apart, show 0.3 to 1.0, the most beside other programs (docs/error-rates.md).
"""

FLOOR_DOF = 22
"""Degrees of freedom of the interval: those of the two recordings that the CPU's floor rests on."""

FULL_BLOCKS = 40
"""Blocks from which on the floor holds. Of fewer, the fastest varies more, about as one over their number: by
4.0 to 7.5% for 20 blocks, 5.3 to 8.6% for 10, and 6.0 to 9.9% for 5, where nothing else ran."""

MEASURED_DOF = 8
"""From here on the data confirm the floor: their standard deviation is known to a quarter (1/sqrt(2 dof))."""


@dataclass(frozen=True)
class BetweenRun:
    """Standard deviation of the log step time between the runs of a session, as a policy wants it.

    ``assumed`` is true where the declared floor is used and too few runs were recorded to confirm it.
    """

    sd: float
    dof: float
    assumed: bool


def sd_for_few_blocks(sd: float, blocks: int) -> float:
    """Return the standard deviation of runs with ``blocks``, given ``sd``, that of runs with FULL_BLOCKS."""
    return sd * max(1.0, FULL_BLOCKS / blocks)


def between_run(
    kind: Kind,
    groups: Sequence[Sequence[float]],
    blocks: int = FULL_BLOCKS,
    *,
    calibrated_sd: float | None = None,
) -> BetweenRun:
    """Pool what the benchmarks of one hardware identity tell about the variation between runs.

    Each group holds the step times (s) of the runs of one accepted entry of one benchmark. Groups of one
    run are allowed and tell nothing. ``blocks`` are those of the shortest run that is compared.
    ``calibrated_sd`` takes the place of the declared floor. Raises ValueError for a step time that is not
    positive.
    """
    variance, dof = pooled_log_variance(groups)
    known = MIN_RUN_SD[kind] if calibrated_sd is None else calibrated_sd
    measured, floor = math.sqrt(variance), sd_for_few_blocks(known, blocks)
    return BetweenRun(
        sd=max(floor, measured),
        dof=FLOOR_DOF,
        assumed=measured <= floor
        and (blocks < FULL_BLOCKS or (calibrated_sd is None and dof < MEASURED_DOF)),
    )
