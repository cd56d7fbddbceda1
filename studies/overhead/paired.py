"""Two things timed in turns: what a noisy machine does to one, it does to the other."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from scipy import stats

MIN_ROUNDS = 10  # Fewer give no 99% interval of a median.


class Ratio(NamedTuple):
    """A median ratio, the ends of its two-sided interval and its one-sided lower bound, both of 99%."""

    estimate: float
    low: float
    high: float
    lower_bound: float


def interleaved(
    time_a: Callable[[], float], time_b: Callable[[], float], *, rounds: int, seed: int = 0
) -> list[tuple[float, float]]:
    """Pairs of what ``time_a`` and ``time_b`` return, called once a round, in random order."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(rounds):
        if rng.random() < 0.5:
            a = time_a()
            b = time_b()
        else:
            b = time_b()
            a = time_a()
        pairs.append((a, b))
    return pairs


def median_ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Of a / b over ``MIN_ROUNDS`` pairs or more. The intervals, by order statistics, hold for any noise."""
    ratios = [a / b for a, b in pairs]
    both_sides = stats.quantile_test(ratios, p=0.5).confidence_interval(0.99)
    from_below = stats.quantile_test(ratios, p=0.5, alternative="greater").confidence_interval(0.99)
    return Ratio(statistics.median(ratios), both_sides.low, both_sides.high, from_below.low)
