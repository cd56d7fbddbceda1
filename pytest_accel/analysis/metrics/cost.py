"""What training costs: throughput for money, and money for an epoch or a target. Pure.

Prices are of the whole machine, in USD an hour. As in the comparison that this project follows (RiseML,
April 2018), start-up and evaluation are not counted where a time follows from epochs and throughput.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pytest_accel.records import Comparison, Price

SECONDS_AN_HOUR = 3600.0


def throughput_per_usd_per_hour(throughput: float, usd_per_hour: float) -> float:
    """Examples / s for each USD / h."""
    return throughput / usd_per_hour


def training_time_s(epochs: float, examples_per_epoch: int, throughput: float) -> float:
    """Return the seconds that ``epochs`` take at ``throughput`` examples / s."""
    return epochs * examples_per_epoch / throughput


def cost_usd(time_s: float, usd_per_hour: float) -> float:
    """What ``time_s`` seconds cost."""
    return time_s / SECONDS_AN_HOUR * usd_per_hour


def with_cost(metrics: Mapping[str, float | None], price: Price) -> dict[str, float | None]:
    """These metrics, and what they cost: throughput per USD / h, USD per epoch and to the target."""
    costs: dict[str, float | None] = {}
    throughput = metrics.get("throughput")
    if throughput is not None:
        costs["throughput_per_usd_per_hour"] = throughput_per_usd_per_hour(throughput, price.usd_per_hour)
    for of, time_s in (
        ("per_epoch", metrics.get("epoch_time_s")),
        ("to_target", metrics.get("time_to_target_s")),
    ):
        if time_s is not None:
            costs[f"cost_{of}_usd"] = cost_usd(time_s, price.usd_per_hour)
    return {**metrics, **costs}


def compared_by_cost(comparison: Comparison, price: Price) -> Comparison | None:
    """The comparison of a time to target as one of what it costs at this price; None for any other."""
    if comparison.metric != "time_to_target_s":
        return None
    return dataclasses.replace(
        comparison,
        metric="cost_to_target_usd",
        baseline=cost_usd(comparison.baseline, price.usd_per_hour),
        now=cost_usd(comparison.now, price.usd_per_hour),
    )
