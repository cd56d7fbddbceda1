"""Decide what an estimate of a slowdown means, given a tolerance. Pure; docs/verdicts.md gives the rule."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.analysis.stats import LogRatio
from pytest_accel.records import Comparison, Outcome

PASS_CONFIDENCE = 0.95
"""Of the interval that is shown. A slowdown beyond its upper end is ruled out, which makes a pass.

A slowdown of just the tolerance then passes one evaluation at most one time in 40. Of twice the tolerance,
which is what must not pass, it is far less (docs/error-rates.md).
"""

CHANGE_CONFIDENCE = 0.99
"""Of the interval that must not hold zero before a program is called slower or faster."""

CHANGED = (Outcome.REGRESSED, Outcome.IMPROVED)


@dataclass(frozen=True)
class Confidence:
    """Of the two intervals that decide: one for a pass, which is shown, and one for a change."""

    passing: float = PASS_CONFIDENCE
    change: float = CHANGE_CONFIDENCE

    def shared(self, share: float) -> Confidence:
        """Allow this share of the errors that these two allow, to one of several evaluations."""
        return Confidence(1 - share * (1 - self.passing), 1 - share * (1 - self.change))


DEFAULT_CONFIDENCE = Confidence()
"""Of one evaluation of one benchmark."""


def outcome_of(ratio: LogRatio, tolerance: float, confidence: Confidence = DEFAULT_CONFIDENCE) -> Outcome:
    """``ratio`` is of the time now over that of the reference, ``tolerance`` relative."""
    low, high = ratio.interval(confidence.change)
    if low > 0 and ratio.change > tolerance:
        return Outcome.REGRESSED
    if high < 0 and ratio.change < 1 / (1 + tolerance) - 1:
        return Outcome.IMPROVED
    if ratio.interval(confidence.passing)[1] <= tolerance:
        return Outcome.PASSED
    return Outcome.INCONCLUSIVE


def comparison_of(
    ratio: LogRatio,
    tolerance: float,
    *,
    now_s: float,
    baseline_s: float,
    confidence: Confidence = DEFAULT_CONFIDENCE,
) -> Comparison:
    """The same as numbers to be shown, with step times in seconds."""
    return Comparison(
        metric="step_time_s",
        baseline=baseline_s,
        now=now_s,
        change=ratio.change,
        interval=ratio.interval(confidence.passing),
        confidence=confidence.passing,
        tolerance=tolerance,
        direction="lower_is_better",
        outcome=outcome_of(ratio, tolerance, confidence),
    )
