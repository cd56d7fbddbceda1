"""The statistics behind the rules: intervals for a ratio of times, and pooled variance. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LogRatio:
    """The logarithm of a ratio of two times: the estimate and half the width of its interval."""

    estimate: float
    half_width: float

    @property
    def change(self) -> float:
        """Relative change: 0.05 says that the first time is 5 % longer than the second."""
        return math.expm1(self.estimate)

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval of the relative change."""
        return math.expm1(self.estimate - self.half_width), math.expm1(self.estimate + self.half_width)


def log_ratio(now: Sequence[float], reference: Sequence[float], *, sd: float, quantile: float) -> LogRatio:
    """Compare two samples of positive times by the means of their logarithms.

    ``sd`` is the standard deviation of the logarithm of one time, known from elsewhere; ``quantile`` is
    how many standard errors lie on each side of the estimate. Raises ValueError for an empty sample and
    for a time that is not positive.
    """
    estimate = _mean_log(now) - _mean_log(reference)
    return LogRatio(estimate, quantile * sd * math.sqrt(1 / len(now) + 1 / len(reference)))


def two_sided_quantile(confidence: float, dof: float) -> float:
    """Quantile of Student's t for an interval; with infinite ``dof`` the normal quantile."""
    tail = (1 - confidence) / 2
    if math.isinf(dof):
        return statistics.NormalDist().inv_cdf(1 - tail)
    from scipy.special import stdtrit  # slow to import, and only a session that compares needs it

    return -float(stdtrit(dof, tail))


def pooled_log_variance(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Variance of the logarithm within groups of positive times, and its degrees of freedom.

    Groups may differ in their means; groups of fewer than two times tell nothing. Without any degree of
    freedom the variance is 0. Raises ValueError for a time that is not positive.
    """
    telling = [[math.log(time) for time in group] for group in groups if len(group) > 1]
    dof = sum(len(group) - 1 for group in telling)
    squares = math.fsum((len(group) - 1) * statistics.variance(group) for group in telling)
    return (squares / dof if dof else 0.0), dof


def _mean_log(times: Sequence[float]) -> float:
    if not times:
        raise ValueError("no time to take the mean of")
    return statistics.fmean(math.log(time) for time in times)
