"""What a JUnit report (``--junitxml``) has of a benchmark: properties of its test case."""

from __future__ import annotations

from pytest_accel.records import Result

PREFIX = "accel."


def properties(result: Result) -> list[tuple[str, object]]:
    """The outcome and every number there is, by name."""
    numbers = [(PREFIX + name, value) for name, value in result.metrics.items() if value is not None]
    return [(PREFIX + "outcome", result.verdict.outcome.value), *numbers]
