"""Is one run of a new baseline slower than the others, by chance? Pure.

Another guest of the same physical machine can slow a whole run, and nothing that this one sees tells. Load
only ever adds time, and further runs tell such a run from a program that varies: that has more slow ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_accel.analysis.stats import f_quantile, pooled_log_variance

MIN_RUNS = 3
"""Of fewer, nobody can say which is the odd one."""

FURTHER_RUNS = 2
"""Runs that have to agree with the others before one is left out."""

CONFIDENCE = 0.999
"""That runs vary more than expected. Runs that do not, take further ones once in 1,000 times."""

FLOOR_DOF = 22
"""Degrees of freedom of what is expected: those of the two recordings that the CPU's floor rests on."""


def are_alike(times_s: Sequence[float], sd: float) -> bool:
    """Whether step times differ by no more than their standard deviation of logarithms explains.

    Raises ValueError for a time that is not positive.
    """
    variance, dof = pooled_log_variance([times_s])
    return variance <= f_quantile(CONFIDENCE, dof, FLOOR_DOF) * sd**2


def slow_run(times_s: Sequence[float], sd: float) -> int | None:
    """The index of the slowest run if all others are alike; None if they are not, or if it is alike, too."""
    if are_alike(times_s, sd):
        return None
    slowest = max(range(len(times_s)), key=times_s.__getitem__)
    return slowest if are_alike([*times_s[:slowest], *times_s[slowest + 1 :]], sd) else None
