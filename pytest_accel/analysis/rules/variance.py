"""How much the step time of an unchanged program varies between runs. Pure.

Programs differ in it, and machines do. So what is expected on this machine counts with a few degrees of
freedom, and the runs of the benchmark itself add theirs (moderated t statistics): Smyth, "Linear models and
empirical Bayes methods for assessing differential expression in microarray experiments" (2004).

What is expected is a floor that is declared for the kind of accelerator, and more for runs of few blocks.
Other benchmarks raise it where most of them vary more: then it is the machine that does. A single one that
varies much says nothing about the others. Data never lower it: runs of one session share the state of the
machine, so a session can be quiet by chance.

Between sessions: a share of that, which no single session can show. A machine whose runs differ much within
minutes differs more from one hour to the next, too.

docs/error-rates.md has the figures behind the constants, studies/detection/detection_study.py recomputes
them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.stats import chi_squared_quantile, pooled_log_variance
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

EXPECTED_DOF = 4
"""Degrees of freedom that the expected variation counts with, beside those of what is compared.

They are few, since programs differ in it: on two shared cores, the runs of one benchmark differed by 1% and
those of another by 8%, within the same ten minutes.
"""

FULL_BLOCKS = 40
"""Blocks from which on the floor holds. Of fewer, the fastest varies more, about as one over their number: by
4.0 to 7.5% for 20 blocks, 5.3 to 8.6% for 10, and 6.0 to 9.9% for 5, where nothing else ran."""

MEASURED_DOF = 8
"""From here on the data confirm the floor: their standard deviation is known to a quarter (1/sqrt(2 dof))."""


@dataclass(frozen=True)
class ExpectedVariation:
    """Standard deviation of the log step time between the runs of a session, for a program of this machine.

    ``assumed`` is true where it is the declared floor and too few runs were recorded to confirm it.
    """

    sd: float
    assumed: bool


def sd_for_few_blocks(sd: float, blocks: int) -> float:
    """Return the standard deviation of runs with ``blocks``, given ``sd``, that of runs with FULL_BLOCKS."""
    return sd * max(1.0, FULL_BLOCKS / blocks)


def expected_variation(
    kind: Kind,
    others: Iterable[Sequence[Sequence[float]]],
    blocks: int = FULL_BLOCKS,
    *,
    calibrated_sd: float | None = None,
) -> ExpectedVariation:
    """Return what is expected of one benchmark, given the other ones of the same hardware identity.

    Each of the others has groups: the step times (s) of the runs of one accepted entry. Groups of one run
    are allowed and tell nothing. ``blocks`` are those of the shortest run that is compared. ``calibrated_sd``
    takes the place of the declared floor. Raises ValueError for a step time that is not positive.
    """
    known = MIN_RUN_SD[kind] if calibrated_sd is None else calibrated_sd
    floor = sd_for_few_blocks(known, blocks)
    measured = [(variance, dof) for variance, dof in map(pooled_log_variance, others) if dof]
    medians = [variance / median_variance_ratio(dof) for variance, dof in measured]
    sd = math.sqrt(max(floor**2, statistics.median_low([floor**2, *medians])))
    unconfirmed = calibrated_sd is None and sum(dof for _, dof in measured) < MEASURED_DOF
    return ExpectedVariation(sd, assumed=sd <= floor and (blocks < FULL_BLOCKS or unconfirmed))


def moderated(expected_sd: float, groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Pool what is expected of a benchmark with what groups of its own runs (s) show.

    Returns the standard deviation, at least the expected one, and its degrees of freedom. Raises ValueError
    for a step time that is not positive.
    """
    variance, seen_dof = pooled_log_variance(groups)
    dof = EXPECTED_DOF + seen_dof
    pooled = (EXPECTED_DOF * expected_sd**2 + seen_dof * variance) / dof
    return max(expected_sd, math.sqrt(pooled)), dof


def median_variance_ratio(dof: int) -> float:
    """Median of a sample variance over the true one: below 1, since now and then it is far too large."""
    return chi_squared_quantile(0.5, dof) / dof
