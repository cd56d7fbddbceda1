"""The statistics behind the rules: intervals for a ratio of times, and pooled variance. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LogRatio:
    """The logarithm of a ratio of two times: the estimate, its standard error and the degrees of freedom."""

    estimate: float
    standard_error: float
    dof: float

    @property
    def change(self) -> float:
        """Relative change: 0.05 says that the first time is 5% longer than the second."""
        return math.expm1(self.estimate)

    def half_width(self, confidence: float) -> float:
        """Half the width of the interval of the logarithm."""
        return two_sided_quantile(confidence, self.dof) * self.standard_error

    def interval(self, confidence: float) -> tuple[float, float]:
        """Both ends of the interval of the relative change."""
        half_width = self.half_width(confidence)
        return math.expm1(self.estimate - half_width), math.expm1(self.estimate + half_width)


@dataclass(frozen=True)
class Spread:
    """How much logarithms of times vary: standard deviations, known with ``dof`` degrees of freedom.

    ``sd`` is that of one time within its sample, ``shared_sd`` that of what all times of a sample have in
    common, which no mean takes away.
    """

    sd: float
    shared_sd: float
    dof: float

    def standard_error(self, now: float, reference: float) -> float:
        """Return that of a difference between the means of ``now`` and ``reference`` times; math.inf is the
        limit."""
        return math.sqrt(2 * self.shared_sd**2 + self.sd**2 * (1 / now + 1 / reference))


def log_ratio(now: Sequence[float], reference: Sequence[float], spread: Spread) -> LogRatio:
    """Compare two samples of positive times by the means of their logarithms.

    Raises ValueError for an empty sample and for a time that is not positive.
    """
    estimate = _mean_log(now) - _mean_log(reference)
    return LogRatio(estimate, spread.standard_error(len(now), len(reference)), spread.dof)


def two_sided_quantile(confidence: float, dof: float) -> float:
    """Quantile of Student's t for an interval; with infinite ``dof`` the normal quantile."""
    return one_sided_quantile((1 + confidence) / 2, dof)


def one_sided_quantile(confidence: float, dof: float) -> float:
    """The same for a bound on one side."""
    tail = 1 - confidence
    if math.isinf(dof):
        return statistics.NormalDist().inv_cdf(1 - tail)
    from scipy.special import stdtrit  # slow to import, and only a session that compares needs it

    return -float(stdtrit(dof, tail))


def f_quantile(confidence: float, dof: float, expected_dof: float) -> float:
    """Quantile of Snedecor's F: how much larger than expected a variance of ``dof`` is by chance."""
    from scipy.special import fdtri

    return float(fdtri(dof, expected_dof, confidence))


def chi_squared_quantile(share: float, dof: float) -> float:
    """The value below which this share of the distribution lies."""
    from scipy.special import chdtri

    return float(chdtri(dof, 1 - share))


def pooled_variance(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Variance within groups of numbers, and its degrees of freedom.

    Groups may differ in their means; groups of fewer than two numbers tell nothing. Without any degree of
    freedom the variance is 0.
    """
    squares, dof = 0.0, 0
    for group in groups:
        if len(group) > 1:
            mean = statistics.fmean(group)
            squares += math.fsum((value - mean) ** 2 for value in group)
            dof += len(group) - 1
    return (squares / dof if dof else 0.0), dof


def pooled_log_variance(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """The same for the logarithms of positive times. Raises ValueError for a time that is not positive."""
    return pooled_variance([math.log(time) for time in group] for group in groups)


TRIMMED = 0.2
"""Share that a trimmed mean leaves out on each side: Wilcox, "Introduction to Robust Estimation", 4.3."""


def trimmed_mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean of the middle three fifths, and its standard error (Tukey and McLaughlin, 1963).

    Raises ValueError for fewer than five values, which leave no middle.
    """
    if len(values) < 5:
        raise ValueError(f"{len(values)} values are too few for a trimmed mean")
    from scipy.stats import mstats  # slow to import, and only a comparison of environments needs it

    limits = (TRIMMED, TRIMMED)
    return float(mstats.trimmed_mean(values, limits)), float(mstats.trimmed_stde(values, limits))


def _mean_log(times: Sequence[float]) -> float:
    if not times:
        raise ValueError("no time to take the mean of")
    return statistics.fmean(math.log(time) for time in times)
