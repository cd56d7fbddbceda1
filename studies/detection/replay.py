"""Trials drawn from a recording: the runs of a baseline, and those of another session of the same program.

A slowdown is planted by making every step time of the other session longer by it. A rule that calls the
session changed as it was recorded is wrong; one that calls the slowed session slower has found it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from recordings import Recording, Times, consecutive

from pytest_accel.analysis.metrics.steps import run_step_time_s
from pytest_accel.analysis.rules import step_time, variance
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, Confidence
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.run_lengths import fewest_blocks
from pytest_accel.gate.step_timing import CONFIRMATION_RUNS, EXTRA_RUNS
from pytest_accel.records import Kind, Outcome, Steps, Verdict

LOOKS = 1 + EXTRA_RUNS
"""Evaluations of a session that is compared: after one run, and after each that it may add."""

RUNS = LOOKS + CONFIRMATION_RUNS
"""All that it may take: a change is confirmed by further ones."""


@dataclass(frozen=True)
class Trial:
    """The runs of a baseline, and those that another session may take of the same program; a row each.

    ``others`` are the baselines of other benchmarks on the same hardware.
    """

    before: Times
    now: Times
    others: Sequence[Times]


def trials(recording: Recording, baseline_runs: int, benchmarks: int, *, most: int, seed: int) -> list[Trial]:
    """Each two stretches of consecutive sessions without one in common; ``most`` of these, at random.

    None comes twice, but they share sessions: they tell less than as many independent trials would. The other
    benchmarks are stretches of the same recording again, without the sessions of now.
    """
    rng = random.Random(seed)
    stretches = list(consecutive(recording, baseline_runs))
    every = [
        (before, now)
        for before in stretches
        for now in consecutive(recording, RUNS)
        if not set(before) & set(now)
    ]
    times = recording.step_times_s
    made = []
    for before, now in sorted(rng.sample(every, min(most, len(every)))):
        apart = [stretch for stretch in stretches if not set(stretch) & set(now)]
        others = [times[list(rng.choice(apart))] for _ in range(benchmarks - 1)]
        made.append(Trial(times[list(before)], times[list(now)], others))
    return made


def our_outcome(
    trial: Trial, tolerance: float, slowdown: float, kind: Kind = Kind.CPU, *, benchmarks: int = 1
) -> Outcome:
    """What this project says: after one run, and after each further one that the rule asks for.

    ``benchmarks`` is how many the session has.
    """
    before, now = steps(trial.before), steps((1 + slowdown) * trial.now)
    decide = policy(
        list(map(steps, trial.others)),
        tolerance,
        kind,
        fewest_blocks(now, before),
        benchmarks,
    )
    for count in range(1, RUNS + 1):
        answer = step_time.judge(now[:count], before, decide, may_take_more=count < RUNS)
        if isinstance(answer, Verdict):
            return answer.outcome
    raise AssertionError("without more runs the rule comes to a verdict")


def policy(
    others: Sequence[Sequence[Steps]], tolerance: float, kind: Kind, blocks: int, benchmarks: int = 1
) -> Policy:
    """That of a session of this many benchmarks; ``others`` are the baselines of other ones."""
    expected = variance.expected_variation(
        kind, [[[run_step_time_s(run) for run in runs]] for runs in others], blocks
    )
    return Policy(
        tolerance=tolerance,
        min_runs=1,
        max_runs=LOOKS,
        confirmation_runs=CONFIRMATION_RUNS,
        expected_sd=expected.sd,
        assumed=expected.assumed,
        confidence=Confidence(change=1 - (1 - CHANGE_CONFIDENCE) / benchmarks),
    )


def steps(times: Times) -> list[Steps]:
    """One observation a row; what the rule does not look at is zero."""
    return [
        Steps(
            step_times_s=tuple(row.tolist()),
            steps_per_block=1,
            startup_time_s=0.0,
            build_time_s=0.0,
            compile_time_s=0.0,
            warmup_time_s=0.0,
            warmup_steps=0,
        )
        for row in times
    ]
