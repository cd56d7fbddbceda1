"""The order of the benchmarks of a session in every report."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_accel.records import Comparison, Result


def worst_first(results: Iterable[Result]) -> list[Result]:
    """The worst outcome first, and within one the largest change for the worse; else as they ran."""
    return sorted(results, key=_key)


def _key(result: Result) -> tuple[int, float]:
    worsenings = [worsening(comparison) for comparison in result.verdict.comparisons]
    return -result.verdict.outcome.severity, -max(worsenings, default=-math.inf)


def worsening(comparison: Comparison) -> float:
    """The relative change, above 0 where it is for the worse."""
    change = 0.0 if math.isnan(comparison.change) else comparison.change
    return change if comparison.direction == "lower_is_better" else -change
