"""How the reasons of verdicts put their numbers. Pure."""

from __future__ import annotations

import math

from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, PASS_CONFIDENCE
from pytest_accel.analysis.stats import LogRatio


def size(ratio: LogRatio) -> str:
    """The change with its interval."""
    return f"step time changed by {100 * ratio.change:+z.1f}% {interval(ratio)}"


def interval(ratio: LogRatio) -> str:
    low, high = ratio.interval(PASS_CONFIDENCE)
    return f"({100 * PASS_CONFIDENCE:g}% interval {100 * low:+z.1f}% to {100 * high:+z.1f}%)"


def smallest_visible(ratio: LogRatio, tolerance: float) -> str:
    """The smallest slowdown that an estimate of this precision could have shown."""
    return f"{100 * max(tolerance, math.expm1(ratio.half_width(CHANGE_CONFIDENCE))):.1f}%"
