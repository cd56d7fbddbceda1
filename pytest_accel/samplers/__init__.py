"""Where runs come from, one file a way: each hands the engine one run after the other."""

from __future__ import annotations

from typing import Protocol, TypeVar

Seen = TypeVar("Seen", covariant=True)
"""What a sampler gives: a Run, or a Pair of them."""


class Sampler(Protocol[Seen]):
    """A source of runs of one benchmark, or of pairs of runs."""

    least: int
    """How many the test itself asks for, known after the first."""

    def next(self) -> Seen:
        """One more. Raises InvalidRun, OtherWork, TestEnded or Unmeasured where there is none."""
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


class OtherWork(Exception):
    """The runs of a pair were asked for different work; the message names the fields."""
