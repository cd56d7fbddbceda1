"""The only loop: take samples while the rule needs more of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from pytest_accel.records import NeedMore, Run, Verdict

SampleT = TypeVar("SampleT")
"""A Run, or a Pair of them."""

SampleT_co = TypeVar("SampleT_co", covariant=True)
"""The same, as a sampler gives it."""


class Sampler(Protocol[SampleT_co]):
    """A source of runs of one benchmark, or of pairs of runs."""

    min_samples: int
    """The number that the test itself asks for, known after the first."""

    def next(self) -> SampleT_co:
        """One more. Raises InvalidRun, OtherWork, TestEnded or Unmeasured where there is none."""
        ...


def collect(
    sampler: Sampler[SampleT],
    count: Callable[[Sequence[SampleT]], int],
    before_last: Callable[[Sequence[SampleT], float], None] = lambda _samples, _elapsed_s: None,
) -> list[SampleT]:
    """Collect as many samples as ``count`` says of the first, or more if the test asks for more.

    Propagates the sampler's exceptions. ``before_last`` is called with the others, and with the seconds since
    the first of them ended.
    """
    samples = [sampler.next()]
    first_ended_s = time.monotonic()
    asked = count(samples)
    while len(samples) < (wanted := max(asked, sampler.min_samples)):
        if len(samples) == wanted - 1:
            before_last(samples, time.monotonic() - first_ended_s)
        samples.append(sampler.next())
    return samples


def decide(
    samples: Sequence[SampleT],
    sampler: Sampler[SampleT],
    judge: Callable[[Sequence[SampleT], bool], Verdict | NeedMore],
    may_take_another_run: Callable[[Sequence[SampleT]], bool],
    on_progress: Callable[[Verdict], None] = lambda _so_far: None,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Verdict, list[SampleT]]:
    """Judge ``samples``, and take more from ``sampler`` while that may decide.

    ``may_take_another_run`` limits how many. ``judge`` receives whether another sample is allowed; if not, it
    returns a Verdict. ``on_progress`` is called with the provisional verdict after each sample, and ``pause``
    with the seconds that the next one is to wait. Returns the verdict and all samples behind it. Propagates
    the sampler's exceptions.
    """
    samples = list(samples)
    while True:
        may_take_more = may_take_another_run(samples)
        answer = judge(samples, may_take_more)
        if isinstance(answer, Verdict):
            return answer, samples
        so_far = judge(samples, False)
        assert isinstance(so_far, Verdict), "without more runs a rule must reach a verdict"
        on_progress(so_far)
        if answer.pause_s:
            pause(answer.pause_s)
        samples.append(sampler.next())


def steady_state_s(runs: Sequence[Run]) -> float:
    """What the timed blocks of all runs took together, in seconds: what the budget limits."""
    return sum(sum(run.steps.step_times_s) * run.steps.steps_per_block for run in runs)
