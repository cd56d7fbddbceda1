"""Runs of given step times, and a policy to judge them by."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.variance import FULL_BLOCKS
from pytest_accel.records import Steps

POLICY = Policy(
    tolerance=0.04,
    min_runs=1,
    max_runs=3,
    expected_sd=0.02,
    assumed=False,
)


def runs(times: Iterable[float], blocks: int = FULL_BLOCKS) -> list[Steps]:
    """One run for each time; its other blocks were slower."""
    return [
        Steps(
            step_times_s=(1.5 * time, time, *[1.1 * time] * (blocks - 2)),
            steps_per_block=4,
            startup_time_s=1.0,
            build_time_s=1.0,
            compile_time_s=1.0,
            warmup_time_s=1.0,
            warmup_steps=5,
        )
        for time in times
    ]
