"""How much unchanged programs vary on a machine, and the smallest change that can be detected there. Pure.

What was measured by ``pytest-accel calibrate`` takes the place of the declared floors, lower or higher, once
it is known well enough. It counts with its upper limit: a sitting may have been quiet by chance.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, PASS_CONFIDENCE
from pytest_accel.analysis.rules.paired import INTERLEAVED_SD
from pytest_accel.analysis.rules.policy import LOOK_SHARES, LOOKS
from pytest_accel.analysis.rules.variance import EXPECTED_DOF, MIN_RUN_SD, SESSION_SD_RATIO
from pytest_accel.analysis.stats import (
    Spread,
    chi_squared_quantile,
    pooled_log_variance,
    two_sided_quantile,
)
from pytest_accel.records import Kind
from pytest_accel.records.noise import MachineNoise, Sitting

MIN_DOF = 10
"""From here on a measured standard deviation takes the place of a declared one."""

MIN_DAYS = 6
"""Sittings on different days that the variation between sessions has to be seen on."""

RUNS_COMPARED = 3
"""Runs that a comparison with a stored baseline may take by default."""

UPPER_LIMIT = 0.9
"""Confidence of the limit that a measured standard deviation counts with."""


@dataclass(frozen=True)
class Estimate:
    """A standard deviation of logarithms: as it counts, as it was measured, and how well it is known.

    ``measured`` is None without any data. ``declared`` says that the declared floor counts.
    """

    sd: float
    measured: float | None
    dof: int
    declared: bool


@dataclass(frozen=True)
class Floors:
    """Between the runs of a session, between sessions, and between interleaved pairs."""

    runs: Estimate
    sessions: Estimate
    pairs: Estimate


def floors(kind: Kind, noise: MachineNoise | None) -> Floors:
    """What counts on this machine: what was measured, or else what is declared for its kind."""
    sittings = () if noise is None else noise.sittings
    runs = pooled_log_variance(_runs(sittings))
    pairs = _pooled_variance(_pairs(sittings))
    days = len({sitting.time[:10] for sitting in sittings})
    sessions = _between_sessions(sittings, runs[0]) if days >= MIN_DAYS else (0.0, 0)
    return Floors(
        _estimate(*runs, MIN_RUN_SD[kind]),
        _estimate(*sessions, SESSION_SD_RATIO * MIN_RUN_SD[kind]),
        _estimate(*pairs, INTERLEAVED_SD[kind]),
    )


def supported_by_baselines(found: Floors, runs: int = 3) -> float:
    """The smallest tolerance at which the targets hold for a stored baseline of this many runs.

    An unchanged program then passes 98 times in 100, and twice the tolerance is found 95 times in 100.
    """
    dof = EXPECTED_DOF + runs - 1 + RUNS_COMPARED - 1
    spread = Spread(found.runs.sd, found.sessions.sd, dof)
    to_pass, to_confirm = spread.standard_error(RUNS_COMPARED, runs), spread.standard_error(2, runs)
    return _supported(to_pass, to_confirm, dof, PASS_CONFIDENCE, CHANGE_CONFIDENCE)


def supported_by_pairs(found: Floors) -> float:
    """The same for ``--accel-against``, if it takes all the pairs that it may."""
    standard_error = found.pairs.sd / math.sqrt(LOOKS[-1])
    dof = EXPECTED_DOF + LOOKS[-1] - 1
    passing, change = (1 - LOOK_SHARES[-1] * (1 - level) for level in (PASS_CONFIDENCE, CHANGE_CONFIDENCE))
    return _supported(standard_error, standard_error, dof, passing, change)


def _supported(passing_se: float, change_se: float, dof: float, passing: float, change: float) -> float:
    """As a relative tolerance. Pass: estimate + half width <= tolerance; found: half width < estimate."""
    unchanged, found = (statistics.NormalDist().inv_cdf(share) for share in (0.98, 0.95))
    to_pass = (two_sided_quantile(passing, dof) + unchanged) * passing_se
    to_find = max(found * change_se, (two_sided_quantile(change, dof) + found) * change_se / 2)
    return math.expm1(max(to_pass, to_find))


def _estimate(variance: float, dof: int, declared: float) -> Estimate:
    if not dof:
        return Estimate(declared, None, 0, declared=True)
    measured = math.sqrt(variance)
    if dof < MIN_DOF:
        return Estimate(declared, measured, dof, declared=True)
    return Estimate(
        math.sqrt(variance * dof / chi_squared_quantile(1 - UPPER_LIMIT, dof)), measured, dof, declared=False
    )


def _runs(sittings: Sequence[Sitting]) -> Iterable[Sequence[float]]:
    for sitting in sittings:
        for session in sitting.sessions:
            yield from session.values()


def _pairs(sittings: Sequence[Sitting]) -> Iterable[Sequence[float]]:
    for sitting in sittings:
        for session in sitting.pairs:
            yield from session.values()


def _pooled_variance(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Within groups of plain numbers, and its degrees of freedom."""
    telling = [group for group in groups if len(group) > 1]
    dof = sum(len(group) - 1 for group in telling)
    squares = math.fsum((len(group) - 1) * statistics.variance(group) for group in telling)
    return (squares / dof if dof else 0.0), dof


def _between_sessions(sittings: Sequence[Sitting], run_variance: float) -> tuple[float, int]:
    """Variance of what the runs of a session have in common: that of their means, less their own part."""
    means: dict[str, list[float]] = {}
    counts: list[int] = []
    for sitting in sittings:
        for session in sitting.sessions:
            for benchmark, times_s in session.items():
                if times_s:
                    means.setdefault(benchmark, []).append(statistics.fmean(map(math.log, times_s)))
                    counts.append(len(times_s))
    variance, dof = _pooled_variance(means.values())
    own = run_variance / statistics.harmonic_mean(counts) if counts else 0.0
    return max(0.0, variance - own), dof
