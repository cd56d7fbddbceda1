"""What training costs: throughput for money, and money for an epoch or a target. Pure.

Prices are of the whole machine, in USD an hour. As in the comparison that this project follows (RiseML,
April 2018), start-up and evaluation are not counted where a time is told by epochs and throughput.
"""

from __future__ import annotations

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
