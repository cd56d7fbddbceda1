"""The only loop: ask for runs while the rule wants more of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from pytest_accel.records import NeedMore, Policy, Run, Steps, Verdict
from pytest_accel.samplers import Sampler


class Rule(Protocol):
    """Judges runs of now against those of a baseline; without ``more`` it must come to a verdict."""

    def __call__(
        self, now: Sequence[Steps], reference: Sequence[Steps], policy: Policy, *, more: bool
    ) -> Verdict | NeedMore: ...


def collect(sampler: Sampler, count: int) -> list[Run]:
    """So many runs. Raises what the sampler raises."""
    return [sampler.next() for _ in range(count)]


def decide(
    runs: Sequence[Run],
    sampler: Sampler,
    reference: Sequence[Steps],
    policy: Policy,
    judge: Rule,
    *,
    budget_s: float,
) -> tuple[Verdict, list[Run]]:
    """Judge ``runs``, and take further ones from ``sampler`` while they may decide and budget is left.

    Returns the verdict and all runs behind it. Raises what the sampler raises.
    """
    runs = list(runs)
    while True:
        more = len(runs) < policy.max_runs and steady_state_s(runs) < budget_s
        now = [run.steps for run in runs]
        answer = judge(now, of_equal_length(reference, now), policy, more=more)
        if isinstance(answer, Verdict):
            return answer, runs
        assert more, "without more runs a rule must come to a verdict"
        runs.append(sampler.next())


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
