"""How the reasons of verdicts put their numbers. Pure."""

from __future__ import annotations

import math

from pytest_accel.stats import LogRatio


def size(ratio: LogRatio, confidence: float) -> str:
    """The change with its interval."""
    return f"step time changed by {100 * ratio.change:+z.1f} % {interval(ratio, confidence)}"


def interval(ratio: LogRatio, confidence: float) -> str:
    low, high = ratio.interval
    return f"({100 * confidence:g} % interval {100 * low:+z.1f} % to {100 * high:+z.1f} %)"


def smallest_visible(ratio: LogRatio, tolerance: float) -> str:
    """The smallest slowdown that an interval of this width could have shown."""
    return f"{100 * max(tolerance, math.expm1(ratio.half_width)):.1f} %"
