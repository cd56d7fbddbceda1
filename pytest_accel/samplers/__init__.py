"""Where runs come from, one file a way: each hands the engine one run after the other."""

from __future__ import annotations

from typing import Protocol

from pytest_accel.records import Run


class Sampler(Protocol):
    """A source of runs of one benchmark."""

    def next(self) -> Run:
        """One more run. Raises InvalidRun, TestEnded or Unmeasured where there is none."""
        ...


class InvalidRun(Exception):
    """A run that cannot be used: it crashed, hung, or saw a loss or time that is no number.

    ``output`` is the last of what the process wrote, as far as there was any.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


class Unmeasured(Exception):
    """The test ended normally without a measuring call."""
