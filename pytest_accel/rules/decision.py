"""What an interval of a slowdown comes to, given a tolerance. Pure; docs/verdicts.md gives the rule."""

from __future__ import annotations

from pytest_accel.records import Outcome
from pytest_accel.stats import LogRatio


def outcome_of(ratio: LogRatio, tolerance: float) -> Outcome:
    """``ratio`` is of the time now over that of the reference, ``tolerance`` relative."""
    low, high = ratio.interval
    if low > 0 and ratio.change > tolerance:
        return Outcome.REGRESSED
    if high < 0 and ratio.change < 1 / (1 + tolerance) - 1:
        return Outcome.IMPROVED
    if high <= tolerance:
        return Outcome.PASSED
    return Outcome.INCONCLUSIVE
