"""Why a run has no result."""

from __future__ import annotations


class InvalidRun(Exception):
    """A run that cannot be used: it crashed, hung, or had a loss or time that is not a number.

    ``output`` is the last of what the process wrote, as far as there was any.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


class Unmeasured(Exception):
    """The test ended normally without a measuring call."""


class OtherWork(Exception):
    """The runs of a pair were asked for different work; the message names the fields."""
