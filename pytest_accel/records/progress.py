"""The progress of a run, and what displays it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pytest_accel.records.observations import Epoch


@dataclass(frozen=True)
class BlockSeen:
    """How far a run is: how many blocks count so far, the fastest step, and what these blocks took.

    ``waiting_for`` says which program keeps the machine busy.
    """

    number: int
    fastest_step_time_s: float
    spent_s: float
    waiting_for: str | None = None


OnEpoch = Callable[[int, Epoch], None]
"""Takes the number of an epoch, from 1, and its result."""

OnBlock = Callable[[BlockSeen], None]
"""Takes the result of a block of steps, or of a round with one on either side."""


class ProgressDisplay(Protocol):
    """Displays the progress of a run. Each method returns a context manager, which is open for the run.

    ``what`` is a run or a pair with its number; it takes ``blocks``, if that is known, and at most
    ``seconds`` of steps.
    """

    def training(self, seed: int, epochs: int) -> contextlib.AbstractContextManager[OnEpoch]: ...

    def steps(
        self, what: str, blocks: int | None, seconds: float
    ) -> contextlib.AbstractContextManager[OnBlock]: ...


class NoProgress:
    """Shows nothing."""

    def training(self, seed: int, epochs: int) -> contextlib.AbstractContextManager[OnEpoch]:
        return contextlib.nullcontext(lambda _number, _epoch: None)

    def steps(
        self, what: str, blocks: int | None, seconds: float
    ) -> contextlib.AbstractContextManager[OnBlock]:
        return contextlib.nullcontext(lambda _seen: None)
