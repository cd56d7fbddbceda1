"""Where accepted values changed by more than runs of an unchanged program differ. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE

LEAST = 0.005
"""A smaller change begins no level: what a compiler knows is compared to this tolerance, too."""


def change_points(values: Sequence[float], sd: float) -> tuple[int, ...]:
    """The indices of the positive ``values``, oldest first, that begin a new level.

    ``sd`` is the standard deviation of the logarithm of a value. One begins a level if it is further from the
    geometric mean of the level before than 99% of the values there would be.
    """
    indices: list[int] = []
    level: list[float] = []
    deviations = statistics.NormalDist().inv_cdf((1 + CHANGE_CONFIDENCE) / 2)
    for index, value in enumerate(map(math.log, values)):
        if level:
            noise = deviations * sd * math.sqrt(1 + 1 / len(level))
            if abs(value - statistics.fmean(level)) > max(noise, math.log1p(LEAST)):
                indices.append(index)
                level = []
        level.append(value)
    return tuple(indices)
