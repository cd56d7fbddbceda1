"""The only loop: ask for runs while the rule wants more of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from pytest_accel.records import NeedMore, Run, Steps, Verdict

Seen = TypeVar("Seen")
"""A Run, or a Pair of them."""

Given = TypeVar("Given", covariant=True)
"""The same, as a sampler gives it."""


class Sampler(Protocol[Given]):
    """A source of runs of one benchmark, or of pairs of runs."""

    least: int
    """How many the test itself asks for, known after the first."""

    def next(self) -> Given:
        """One more. Raises InvalidRun, OtherWork, TestEnded or Unmeasured where there is none."""
        ...


def collect(sampler: Sampler[Seen], count: int) -> list[Seen]:
    """So many of them, or as many as the test itself asks for. Raises what the sampler raises."""
    seen: list[Seen] = []
    while len(seen) < max(count, sampler.least):
        seen.append(sampler.next())
    return seen


def decide(
    seen: Sequence[Seen],
    sampler: Sampler[Seen],
    judge: Callable[[Sequence[Seen], bool], Verdict | NeedMore],
    affordable: Callable[[Sequence[Seen]], bool],
    told: Callable[[Verdict], None] = lambda _so_far: None,
) -> tuple[Verdict, list[Seen]]:
    """Judge what was seen, and take more from ``sampler`` while that may decide and is ``affordable``.

    ``judge`` is told whether more may be asked for; without that it must come to a verdict. ``told`` hears
    what it would come to while more is needed. Returns the verdict and all that is behind it. Raises what
    the sampler raises.
    """
    seen = list(seen)
    while True:
        more = affordable(seen)
        answer = judge(seen, more)
        if isinstance(answer, Verdict):
            return answer, seen
        so_far = judge(seen, False)
        assert isinstance(so_far, Verdict), "without more runs a rule must come to a verdict"
        told(so_far)
        seen.append(sampler.next())


def of_equal_length(reference: Sequence[Steps], now: Sequence[Steps]) -> list[Steps]:
    """The runs of ``reference``, cut to the blocks of the shortest run of ``now``.

    The fastest of many blocks is faster than that of few: 40 blocks of one session on two shared cores had a
    fastest 2.6 % below that of their first 5. Where the budget ended a run early, fewer blocks compare.
    """
    blocks = min(len(steps.step_times_s) for steps in now)
    return [dataclasses.replace(steps, step_times_s=steps.step_times_s[:blocks]) for steps in reference]


def steady_state_s(runs: Sequence[Run]) -> float:
    """What the timed blocks of all runs took together, in seconds: what the budget limits."""
    return sum(sum(run.steps.step_times_s) * run.steps.steps_per_block for run in runs)
