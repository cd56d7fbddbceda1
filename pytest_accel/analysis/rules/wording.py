"""How the reasons of verdicts put their numbers. Pure."""

from __future__ import annotations

import math

from pytest_accel.analysis.rules.decision import DEFAULT_CONFIDENCE, Confidence
from pytest_accel.analysis.stats import LogRatio


def size(ratio: LogRatio, confidence: Confidence = DEFAULT_CONFIDENCE) -> str:
    """The change with its interval."""
    return f"step time changed by {100 * ratio.change:+z.1f}% {interval(ratio, confidence)}"


def interval(ratio: LogRatio, confidence: Confidence = DEFAULT_CONFIDENCE) -> str:
    low, high = ratio.interval(confidence.passing)
    return f"({100 * confidence.passing:.4g}% interval {100 * low:+z.1f}% to {100 * high:+z.1f}%)"


def smallest_visible(ratio: LogRatio, tolerance: float, confidence: Confidence = DEFAULT_CONFIDENCE) -> str:
    """The smallest slowdown that an estimate of this precision could have shown."""
    return f"{100 * max(tolerance, math.expm1(ratio.half_width(confidence.change))):.1f}%"
