"""The time limit that pytest-timeout has for a test, kept by the session for all runs of a benchmark."""

from __future__ import annotations

import time
from typing import Protocol

import pytest

from pytest_accel.api.fixtures import uses_accel
from pytest_accel.records.run_errors import InvalidRun


class Timer(Protocol):
    """What pytest-timeout says of a test."""

    timeout: float


class TimeLimit:
    """A pytest plugin that takes the place of pytest-timeout's timers for benchmarks.

    A timer would go off in the middle of our own code, and one of its kinds ends the whole session.
    """

    def __init__(self) -> None:
        self._limit_s = 0.0
        self._end_s: float | None = None

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Timer) -> bool | None:
        if not uses_accel(item):
            return None
        self._limit_s = settings.timeout
        self._end_s = time.monotonic() + settings.timeout
        return True

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> bool | None:
        if not uses_accel(item):
            return None
        self._end_s = None
        return True

    def check(self) -> None:
        """Raise InvalidRun once the limit is over."""
        if self._end_s is not None and time.monotonic() > self._end_s:
            raise InvalidRun(
                f"the benchmark took longer than the {self._limit_s:g} s that pytest-timeout allows a test, "
                "and all its runs and pauses count: give it more with @pytest.mark.timeout(SECONDS), let it "
                "do less with --accel-budget=SECONDS, or let it wait less with --accel-wait=SECONDS"
            )
