"""How often the verdict on step time is wrong, on recorded and on drawn noise."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_accel.analysis.rules.calibration import floors, supported_by_baselines
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.step_time import compare, judge
from pytest_accel.analysis.rules.variance import FULL_BLOCKS, expected_variation
from pytest_accel.api.settings import TOLERANCES
from pytest_accel.records import Kind, Outcome, Steps, Verdict

SESSIONS = json.loads((Path(__file__).parents[1] / "data" / "noise_sessions.json").read_text())


def runs(times: Sequence[float]) -> list[Steps]:
    """One run for each time, of equal blocks."""
    return [Steps((time,) * FULL_BLOCKS, 4, 1.0, 1.0, 1.0, 1.0, 5) for time in times]


def policy(tolerance: float, expected_sd: float) -> Policy:
    return Policy(tolerance=tolerance, min_runs=1, max_runs=3, expected_sd=expected_sd, assumed=False)


Draw = Callable[[np.random.Generator, int], Sequence[float]]


def recorded(name: str) -> Draw:
    """Each run behaves as one of the recorded sessions, drawn at random."""
    return lambda rng, count: rng.choice(SESSIONS[name], count)


def consecutive(name: str) -> Draw:
    """The runs of one session behave as sessions that were recorded one after the other."""

    def draw(rng: np.random.Generator, count: int) -> Sequence[float]:
        start = rng.integers(12)
        return [SESSIONS[name][(start + index) % 12] for index in range(count)]

    return draw


def alike(sd: float, share: float) -> Draw:
    """Normal noise, of which a ``share`` of the variance is common to all runs of a session."""

    def draw(rng: np.random.Generator, count: int) -> Sequence[float]:
        common = math.sqrt(share) * rng.standard_normal()
        own = math.sqrt(1 - share) * rng.standard_normal(count)
        return 0.25 * np.exp(sd * (common + own))

    return draw


NOISES = {
    "resnet50_32px": recorded("resnet50_32px"),
    "busy_neighbour": recorded("busy_neighbour"),
    "consecutive": consecutive("resnet50_32px"),
    "alike": alike(0.018, 0.2),
}


def rates(
    draw: Draw, *, kind: Kind, tolerance: float, baseline_runs: int, slowdown: float
) -> dict[Outcome, float]:
    """Shares of outcomes over many simulated sessions: a run, up to two more, and two to confirm a change."""
    decide = policy(tolerance=tolerance, expected_sd=expected_variation(kind, []).sd)
    rng = np.random.default_rng(20)
    counts: Counter[Outcome] = Counter()
    trials = 2000
    for _ in range(trials):
        reference = runs(draw(rng, baseline_runs))
        now = runs([(1 + slowdown) * time for time in draw(rng, 5)])
        answers = (judge(now[:count], reference, decide, may_take_more=count < 5) for count in range(1, 6))
        counts[next(answer.outcome for answer in answers if isinstance(answer, Verdict))] += 1
    return {outcome: counts[outcome] / trials for outcome in Outcome}


@pytest.mark.parametrize("noise", NOISES)
class TestContractOnTheCpu:
    """Error rates without any measured spread: one run now, up to two more while undecided."""

    @pytest.mark.parametrize(("tolerance", "baseline_runs"), [(0.1, 1), (0.1, 3), (0.05, 3)])
    def test_an_unchanged_program_is_left_alone(self, noise, tolerance, baseline_runs):
        found = rates(
            NOISES[noise], kind=Kind.CPU, tolerance=tolerance, baseline_runs=baseline_runs, slowdown=0
        )
        assert found[Outcome.REGRESSED] + found[Outcome.IMPROVED] <= 0.01

    @pytest.mark.parametrize(("tolerance", "baseline_runs"), [(0.1, 1), (0.1, 3), (0.05, 3)])
    def test_a_slowdown_of_twice_the_tolerance_is_never_passed(self, noise, tolerance, baseline_runs):
        found = self.twice_the_tolerance(noise, tolerance, baseline_runs)
        assert found[Outcome.PASSED] <= 0.01

    @pytest.mark.parametrize("baseline_runs", [1, 3])
    def test_at_the_tolerance_that_is_supported_it_is_found(self, noise, baseline_runs):
        tolerance = TOLERANCES[Kind.CPU]
        assert tolerance >= supported_by_baselines(floors(Kind.CPU, None))
        found = self.twice_the_tolerance(noise, tolerance, baseline_runs)
        assert found[Outcome.REGRESSED] >= 0.95

    @staticmethod
    @functools.cache  # Two promises are about the same trials.
    def twice_the_tolerance(noise, tolerance, baseline_runs):
        return rates(
            NOISES[noise],
            kind=Kind.CPU,
            tolerance=tolerance,
            baseline_runs=baseline_runs,
            slowdown=2 * tolerance,
        )


@pytest.mark.parametrize("noise", ["resnet50_32px", "busy_neighbour"])
def test_an_unchanged_program_passes_at_the_default_tolerance_of_the_cpu(noise):
    found = rates(NOISES[noise], kind=Kind.CPU, tolerance=TOLERANCES[Kind.CPU], baseline_runs=3, slowdown=0)
    assert found[Outcome.PASSED] >= 0.90


BOOTED = {
    "dense": [0.0028034, 0.0027471, 0.0031138],
    "batch 32": [0.185058, 0.192154, 0.182694],
    "batch 16": [0.144443, 0.146363, 0.138398],
    "batch 8": [0.108188, 0.103187, 0.105163],
}
"""Fastest blocks (s) of a baseline's runs, recorded right after the machine had booted."""


@pytest.mark.parametrize(("name", "now", "runs_now"), [("batch 16", 0.127, 1), ("dense", 0.00261, 5)])
def test_a_machine_that_settles_after_boot_is_no_improvement(name, now, runs_now):
    """The same program minutes later: faster by a tenth, with a baseline whose runs differ by 4%."""
    others = [[times] for other, times in BOOTED.items() if other != name]
    decide = policy(tolerance=0.1, expected_sd=expected_variation(Kind.CPU, others).sd)
    assert compare(runs([now] * runs_now), runs(BOOTED[name]), decide).outcome is Outcome.PASSED


@pytest.mark.parametrize(("kind", "sd"), [(Kind.GPU, 0.005), (Kind.TPU, 0.003)])
def test_contract_at_the_declared_spread_of_a_device(kind, sd):
    draw = alike(sd, 0.2)
    unchanged = rates(draw, kind=kind, tolerance=0.02, baseline_runs=3, slowdown=0)
    twice = rates(draw, kind=kind, tolerance=0.02, baseline_runs=3, slowdown=0.04)
    assert unchanged[Outcome.REGRESSED] + unchanged[Outcome.IMPROVED] <= 0.01
    assert unchanged[Outcome.PASSED] >= 0.85
    assert twice[Outcome.REGRESSED] >= 0.95
    assert twice[Outcome.PASSED] <= 0.01
