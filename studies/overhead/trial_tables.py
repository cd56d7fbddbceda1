"""Means and tables of the trials of ``same_on_both_sides.py``."""

from __future__ import annotations

import collections
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tabulate
from scipy import stats

HALF_WIDTH = {"short": 0.03}
"""How well the mean is to be known, as half of its 95% interval, where that is not USUAL_HALF_WIDTH."""

USUAL_HALF_WIDTH = 0.01

Trial = dict[str, Any]


def asked_half_width(kind: str) -> float:
    return HALF_WIDTH.get(kind, USUAL_HALF_WIDTH)


def logs(trials: Sequence[Trial], name: str = "log") -> list[float]:
    return [trial[name] for trial in trials if trial.get(name) is not None]


def pair_log(candidate_s: Sequence[float], reference_s: Sequence[float]) -> float:
    """Of the step times of one pair: the mean over its rounds without the fifth at either end."""
    rounds = zip(candidate_s, reference_s, strict=True)
    return float(stats.trim_mean([math.log(one_s / other_s) for one_s, other_s in rounds], 0.2))


class Mean:
    """The mean of some logarithms, with Student's t. Of fewer than two the interval has no end."""

    def __init__(self, mean: float, standard_error: float, dof: int) -> None:
        self.mean = mean
        self.half_width = standard_error * float(stats.t.ppf(0.975, dof)) if dof else math.inf
        self.lower_limit = mean - standard_error * float(stats.t.ppf(0.95, dof)) if dof else -math.inf

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        if not values:
            return cls(math.nan, math.inf, 0)
        if len(values) == 1:
            return cls(values[0], math.inf, 0)
        return cls(
            statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)), len(values) - 1
        )

    @classmethod
    def of_pairs(cls, trials: Sequence[Trial]) -> Mean:
        """The mean over the pairs of all trials, whose scatter is that of the trials."""
        differences = [
            [pair_log(*pair) for pair in trial["pairs"]] for trial in trials if trial["log"] is not None
        ]
        if len(differences) < 2:
            return cls.of([statistics.fmean(logs) for logs in differences])
        pairs = sum(map(len, differences))
        mean = math.fsum(map(math.fsum, differences)) / pairs
        squares = math.fsum((math.fsum(logs) - mean * len(logs)) ** 2 for logs in differences)
        count = len(differences)
        return cls(mean, math.sqrt(squares * count / (count - 1)) / pairs, count - 1)

    @property
    def interval(self) -> tuple[float, float]:
        return self.mean - self.half_width, self.mean + self.half_width


def percent(log: float) -> str:
    return f"{100 * math.expm1(log):+.2f}%" if math.isfinite(log) else "-"


def report(trials: Sequence[Trial]) -> str:
    by_part: dict[str, dict[str, list[Trial]]] = {"compare": {}, "cost": {}}
    for trial in trials:
        by_part[trial["part"]].setdefault(trial["kind"], []).append(trial)
    makers: Mapping[str, Callable[[dict[str, list[Trial]]], str]] = {"compare": table, "cost": cost_table}
    return "\n\n".join(makers[part](by_kind) for part, by_kind in by_part.items() if by_kind)


def table(by_kind: Mapping[str, Sequence[Trial]]) -> str:
    """Of comparisons: above 0 the session's own environment looks slower than the other one, the same."""
    rows = []
    for kind, alike in by_kind.items():
        mean = Mean.of_pairs(alike)
        low, high = mean.interval
        known = math.isfinite(mean.half_width)
        outcomes = collections.Counter(trial["outcome"] for trial in alike)
        rows.append([
            kind,
            len(alike),
            sum(len(trial.get("pairs", ())) for trial in alike),
            percent(mean.mean),
            f"{percent(low)} to {percent(high)}" if known else "-",
            ("yes" if low <= 0 <= high else "no") if known else "-",
            f"{100 * mean.half_width:.2f}%" if known else "-",
            f"{100 * asked_half_width(kind):g}%",
            ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()),
            f"{statistics.median(trial['time_s'] for trial in alike):.0f} s",
        ])  # fmt: skip
    headers = [
        "step",
        "trials",
        "pairs",
        "mean change",
        "95% interval",
        "0 inside",
        "half width",
        "asked",
        "outcomes",
    ]
    return tabulate.tabulate(rows, [*headers, "median time"])


def cost_table(by_kind: Mapping[str, Sequence[Trial]]) -> str:
    """Of costs: the time of the bare loop over the time reported, 0.99 where measuring adds 1%."""
    rows = []
    for kind, alike in by_kind.items():
        values = logs(alike)
        apart, together = Mean.of(values), Mean.of(logs(alike, "log_in_one_process"))
        low, high = apart.interval
        rows.append([
            kind,
            len(values),
            f"{1000 * statistics.median(logs(alike, 'bare_s') or [math.nan]):.4g} ms",
            ratio(apart.mean),
            ratio(apart.lower_limit),
            f"{ratio(low)} to {ratio(high)}" if math.isfinite(apart.half_width) else "-",
            ratio(statistics.median(values or [math.nan])),
            ratio(together.mean),
            ratio(together.lower_limit),
            sum(trial["outcome"] != "measured" for trial in alike),
        ])  # fmt: skip
    headers = ["step", "pairs", "bare step", "bare / ours", "95% lower limit", "95% interval", "median"]
    return tabulate.tabulate(
        rows, [*headers, "in one process", "its lower limit", "failed or odd"], disable_numparse=True
    )


def ratio(log: float) -> str:
    return f"{math.exp(log):.4f}" if math.isfinite(log) else "-"
