"""How much an unchanged training step varies: which number of a run least, and whether a yardstick helps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from recordings import Recording, Times, consecutive
from tabulate import tabulate


def _quantile(percent: float) -> Callable[[Times], Times]:
    return lambda times: np.quantile(times, percent / 100, axis=1)


STATISTICS: dict[str, Callable[[Times], Times]] = {
    "minimum": lambda times: times.min(1),
    "mean of the 3 fastest": lambda times: np.sort(times, 1)[:, :3].mean(1),
    **{f"{percent}% quantile": _quantile(percent) for percent in (5, 10, 25)},
    "median": lambda times: np.median(times, 1),
}

BASELINE = 3
"""Runs of a session, for what varies within one and between two."""


def statistics_table(recordings: Sequence[Recording]) -> str:
    """Standard deviation, across all sessions, of the logarithm of one number a run."""
    rows = [
        [name, *(_percent(float(np.log(statistic(one.step_times_s)).std(ddof=1))) for one in recordings)]
        for name, statistic in STATISTICS.items()
    ]
    return tabulate(rows, ["statistic of a run", *(one.name for one in recordings)], tablefmt="github")


def components_table(recordings: Sequence[Recording]) -> str:
    """What the minimum varies by within three consecutive sessions, and what these have in common."""
    rows = []
    for one in recordings:
        shared, within = components(one)
        rows.append([one.name, _percent(within), _percent(shared), f"{shared / within:.1f}"])
    return tabulate(rows, ["recording", "within", "shared", "shared / within"], tablefmt="github")


def components(recording: Recording) -> tuple[float, float]:
    """Standard deviations of the log minimum: shared by three consecutive sessions, and within them.

    The difference between the means of two stretches has variance 2 shared² + 2 within² / 3; it is taken over
    all pairs of stretches that have no session in common.
    """
    logs = np.log(recording.step_times_s.min(1))
    stretches = [list(chosen) for chosen in consecutive(recording, BASELINE)]
    within = np.mean([logs[chosen].var(ddof=1) for chosen in stretches])
    between = np.mean(
        [(logs[a].mean() - logs[b].mean()) ** 2 for a in stretches for b in stretches if not set(a) & set(b)]
    )
    shared = max(0.0, between / 2 - within / BASELINE)
    return math.sqrt(shared), math.sqrt(within)


def yardsticks_table(recordings: Sequence[Recording]) -> str:
    """What remains of the variation between sessions once that of a yardstick is taken off.

    Both are minima, in logarithms: all of the yardstick's change, half of it, or the share that fits best,
    which nobody knows beforehand.
    """
    rows = []
    for one in recordings:
        step = np.log(one.step_times_s.min(1))
        for name, times in one.yardsticks.items():
            yardstick = np.log(times.min(1))
            slope = float(np.polyfit(yardstick, step, 1)[0])
            remaining = [float((step - share * yardstick).std(ddof=1)) for share in (0.0, 1.0, 0.5, slope)]
            rows.append([one.name, name, *map(_percent, remaining), f"{slope:.2f}"])
    headers = ["recording", "yardstick", "without", "all", "half", "best fit", "its share"]
    return tabulate(rows, headers, tablefmt="github")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
