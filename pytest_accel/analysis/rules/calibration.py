"""How much unchanged programs vary on a machine, and the smallest change that can be detected there. Pure.

What was measured by ``pytest-accel calibrate`` takes the place of the declared floors, lower or higher, once
it is known well enough. It counts with its upper limit: a sitting may have been quiet by chance.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, PASS_CONFIDENCE
from pytest_accel.analysis.rules.paired import INTERLEAVED_SD
from pytest_accel.analysis.rules.policy import LOOK_SHARES, LOOKS
from pytest_accel.analysis.rules.variance import (
    EXPECTED_DOF,
    MIN_RUN_SD,
    SESSION_SD_RATIO,
    median_variance_ratio,
)
from pytest_accel.analysis.stats import (
    Spread,
    chi_squared_quantile,
    f_quantile,
    pooled_log_variance,
    pooled_variance,
    two_sided_quantile,
)
from pytest_accel.records import Kind
from pytest_accel.records.noise import MachineNoise, Sitting

MIN_DOF = 10
"""From here on a measured standard deviation takes the place of a declared one."""

MIN_DAYS = 6
"""Sittings on different days that the variation between sessions has to be seen on."""

UNUSUAL = 0.99
"""That a benchmark varies more than others is said where chance explains it once in 100 times (an F test)."""

MIN_BENCHMARKS = 3
"""Of fewer, nobody can say which is the odd one."""

MIN_SD = 0.0003
"""Least standard deviation that counts, declared: no device is taken to repeat itself better."""

MIN_SESSION_SD_RATIO = 0.3
"""Least standard deviation between sessions, over that between runs: the smallest that a recording showed."""

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
    """Between the runs of a session, between sessions, and between interleaved pairs, of a typical benchmark.

    ``runs_s`` has the step times (s) of the runs of each calibrated session, by benchmark.
    """

    runs: Estimate
    sessions: Estimate
    pairs: Estimate
    runs_s: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)


def floors(kind: Kind, noise: MachineNoise | None) -> Floors:
    """What counts on this machine: what was measured, or else what is declared for its kind."""
    sittings = () if noise is None else noise.sittings
    runs_s = _by_benchmark(session for sitting in sittings for session in sitting.sessions)
    pairs = _by_benchmark(session for sitting in sittings for session in sitting.pairs)
    runs = _typical(map(pooled_log_variance, runs_s.values()))
    on_enough_days = [days for days in _by_day(sittings).values() if len(days) >= MIN_DAYS]
    return Floors(
        _estimate(*runs, MIN_RUN_SD[kind]),
        _between_sessions(on_enough_days, SESSION_SD_RATIO * MIN_RUN_SD[kind]),
        _estimate(*_typical(map(pooled_variance, pairs.values())), INTERLEAVED_SD[kind]),
        runs_s,
    )


def unusual(found: Floors) -> list[tuple[str, float]]:
    """Benchmarks whose runs vary more than those of most others, and by what standard deviation."""
    if found.runs.measured is None or len(found.runs_s) < MIN_BENCHMARKS:
        return []
    measured = ((benchmark, *pooled_log_variance(runs_s)) for benchmark, runs_s in found.runs_s.items())
    return [
        (benchmark, math.sqrt(variance))
        for benchmark, variance, dof in measured
        if dof and variance > f_quantile(UNUSUAL, dof, found.runs.dof) * found.runs.measured**2
    ]


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
    return Estimate(max(MIN_SD, math.sqrt(_upper_limit(variance, dof))), measured, dof, declared=False)


def _upper_limit(variance: float, dof: int) -> float:
    return variance * dof / chi_squared_quantile(1 - UPPER_LIMIT, dof)


def _by_benchmark(
    sessions: Iterable[Mapping[str, tuple[float, ...]]],
) -> dict[str, tuple[tuple[float, ...], ...]]:
    """What each session has of it, without those that have nothing."""
    found: dict[str, tuple[tuple[float, ...], ...]] = {}
    for session in sessions:
        for benchmark, numbers in session.items():
            if numbers:
                found[benchmark] = (*found.get(benchmark, ()), numbers)
    return found


def _typical(benchmarks: Iterable[tuple[float, int]]) -> tuple[float, int]:
    """The variance of the median benchmark and its degrees of freedom, given those of each benchmark.

    One that varies much says nothing about the others, and one with few runs little: benchmarks with less
    than half of the most degrees of freedom do not count. A median is known as well as a mean of 2/pi as many
    numbers, for normal noise.
    """
    every = list(benchmarks)
    most_dof = max((dof for _, dof in every), default=0)
    known = [(variance, dof) for variance, dof in every if 2 * dof >= most_dof > 0]
    if len(known) < 2:
        return known[0] if known else (0.0, 0)
    medians = [variance / median_variance_ratio(dof) for variance, dof in known]
    return statistics.median_low(medians), int(2 / math.pi * sum(dof for _, dof in known))


_Sessions = list[tuple[float, ...]]
"""The step times (s) of the runs of each session."""


def _by_day(sittings: Sequence[Sitting]) -> dict[str, list[_Sessions]]:
    """The sessions of each benchmark, a list for each day on which it was timed."""
    days: dict[str, dict[str, _Sessions]] = {}
    for sitting in sittings:
        for session in sitting.sessions:
            for benchmark, times_s in session.items():
                if times_s:
                    of_day = days.setdefault(benchmark, {}).setdefault(sitting.time[:10], [])
                    of_day.append(times_s)
    return {benchmark: list(by_date.values()) for benchmark, by_date in days.items()}


def _between_sessions(benchmarks: Sequence[Sequence[_Sessions]], declared: float) -> Estimate:
    """Of what the runs of a session have in common: the variance of their means, less the runs' own part.

    All sessions of a day, and all benchmarks of a session, find the machine in much the same state. So the
    degrees of freedom are those of the days, however many sessions and benchmarks these had.
    """
    if not benchmarks:
        return Estimate(declared, None, 0, declared=True)
    variance, _ = _typical((_variance_of_sessions(days), len(days) - 1) for days in benchmarks)
    dof = min(map(len, benchmarks)) - 1
    sessions = [[times_s for day in days for times_s in day] for days in benchmarks]
    runs_variance, _ = _typical(map(pooled_log_variance, sessions))
    own = runs_variance / statistics.harmonic_mean(len(times_s) for each in sessions for times_s in each)
    at_least = max(MIN_SD, MIN_SESSION_SD_RATIO * math.sqrt(runs_variance))
    sd = math.sqrt(max(at_least**2, _upper_limit(variance, dof) - own))
    return Estimate(sd, math.sqrt(max(0.0, variance - own)), dof, declared=False)


def _variance_of_sessions(days: Sequence[_Sessions]) -> float:
    """Between the mean log step times of two sessions on different days.

    That is the variance between the means of days, and what averaging the sessions of a day took from it.
    """
    means = [[statistics.fmean(map(math.log, times_s)) for times_s in day] for day in days]
    within_days, _ = pooled_variance(means)
    sessions_per_day = statistics.harmonic_mean(map(len, means))
    return statistics.variance(map(statistics.fmean, means)) + within_days * (1 - 1 / sessions_per_day)
