"""What a calibrated machine is taken to vary by, and what it supports."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from pytest_accel.analysis.rules.calibration import (
    MIN_DAYS,
    MIN_DOF,
    floors,
    supported_by_baselines,
    supported_by_pairs,
    unusual,
)
from pytest_accel.analysis.rules.paired import INTERLEAVED_SD
from pytest_accel.analysis.rules.variance import MIN_RUN_SD, SESSION_SD_RATIO
from pytest_accel.records import Kind
from pytest_accel.records.noise import MachineNoise, Sitting


def noise(sd=0.01, pair_sd=0.005, session_sd=0.0, *, sessions=10, days=1, runs=3, seed=0):
    """Sittings on different days, of one benchmark."""
    rng = np.random.default_rng(seed)

    def sitting(day):
        times, pairs = [], []
        for _ in range(sessions):
            common = session_sd * rng.standard_normal()
            times.append({"a.py::test": tuple(0.1 * np.exp(common + sd * rng.standard_normal(runs)))})
            pairs.append({"a.py::test": tuple(pair_sd * rng.standard_normal(4))})
        return Sitting(f"2026-01-{day + 1:02}T12:00:00+00:00", {}, tuple(times), tuple(pairs))

    return MachineNoise(Kind.CPU, tuple(map(sitting, range(days))))


@pytest.mark.parametrize("kind", Kind)
def test_without_a_calibration_the_declared_floors_count(kind):
    found = floors(kind, None)
    assert found.runs.sd == MIN_RUN_SD[kind]
    assert found.sessions.sd == SESSION_SD_RATIO * MIN_RUN_SD[kind]
    assert found.pairs.sd == INTERLEAVED_SD[kind]
    assert found.runs.declared
    assert found.runs.measured is None


@pytest.mark.parametrize("sd", [0.002, 0.05])
def test_what_was_measured_counts_lower_or_higher_than_declared(sd):
    found = floors(Kind.CPU, noise(sd, sd / 2, sessions=30))
    assert not found.runs.declared
    assert found.runs.measured == pytest.approx(sd, rel=0.2)
    assert found.runs.measured < found.runs.sd < 1.5 * found.runs.measured
    assert found.pairs.measured == pytest.approx(sd / 2, rel=0.2)


def test_the_upper_limit_covers_the_truth_nine_times_in_ten():
    covered = sum(floors(Kind.CPU, noise(0.01, seed=seed)).runs.sd >= 0.01 for seed in range(200))
    assert covered >= 200 * 0.9 - 3 * math.sqrt(200 * 0.09)


def test_a_few_runs_count_for_nothing_yet():
    found = floors(Kind.CPU, noise(0.001, sessions=MIN_DOF // 2 - 1))
    assert found.runs.declared
    assert found.runs.sd == MIN_RUN_SD[Kind.CPU]
    assert found.runs.measured == pytest.approx(0.001, rel=0.5)


def test_the_variation_between_sessions_takes_sittings_on_several_days():
    assert floors(Kind.CPU, noise(days=MIN_DAYS - 1)).sessions.declared
    found = floors(Kind.CPU, noise(0.002, session_sd=0.01, days=MIN_DAYS))
    assert not found.sessions.declared
    assert found.sessions.measured == pytest.approx(0.01, rel=0.25)


def test_what_sessions_share_with_their_day_is_known_from_days_alone():
    """Ten sessions of a day, and three benchmarks in each, find the machine in the same state."""
    rng = np.random.default_rng(0)
    covered, trials = 0, 300
    for _ in range(trials):
        of_days = 0.02 * rng.standard_normal(MIN_DAYS)
        sittings = tuple(
            Sitting(
                f"2026-01-{day + 1:02}T12:00:00+00:00",
                {},
                tuple(
                    {name: tuple(np.exp(of_day + 0.002 * rng.standard_normal(3))) for name in "abc"}
                    for _ in range(10)
                ),
            )
            for day, of_day in enumerate(of_days)
        )
        found = floors(Kind.CPU, MachineNoise(Kind.CPU, sittings))
        assert found.sessions.dof == MIN_DAYS - 1
        covered += found.sessions.sd >= 0.02
    assert covered >= trials * 0.9 - 3 * math.sqrt(trials * 0.09)


def with_others(noise, **others):
    """The same sittings, with more benchmarks of other noise."""
    sittings = [
        dataclasses.replace(
            sitting,
            sessions=tuple(
                {name: one["a.py::test"] for name, one in zip(("a", *others), same, strict=True)}
                for same in zip(
                    sitting.sessions,
                    *(other.sittings[day].sessions for other in others.values()),
                    strict=True,
                )
            ),
        )
        for day, sitting in enumerate(noise.sittings)
    ]
    return dataclasses.replace(noise, sittings=tuple(sittings))


def test_a_benchmark_that_varies_raises_nothing_for_the_others_and_is_named():
    calm = noise(0.01)
    mixed = with_others(calm, b=noise(0.01, seed=1), wild=noise(0.08, seed=2))
    found = floors(Kind.CPU, mixed)
    assert found.runs.measured == pytest.approx(0.01, rel=0.3)
    ((name, sd),) = unusual(found)
    assert name == "wild"
    assert sd == pytest.approx(0.08, rel=0.3)
    assert len(found.runs_s["wild"]) == 10


def test_of_two_benchmarks_nobody_can_say_which_is_unusual():
    assert unusual(floors(Kind.CPU, with_others(noise(0.01), wild=noise(0.08, seed=2)))) == []


def test_a_benchmark_with_little_data_does_not_set_the_figure():
    long = noise(0.017, sessions=20)
    short = dataclasses.replace(
        noise().sittings[0], sessions=({"b": (0.25, 0.25)},), pairs=({"b": (0.0, 0.0)},)
    )
    found = floors(Kind.CPU, dataclasses.replace(long, sittings=(*long.sittings, short)))
    assert found.runs.measured == pytest.approx(0.017, rel=0.3)
    assert found.runs.dof == 40


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_ever_taken_not_to_vary(seed):
    found = floors(Kind.CPU, noise(0.01, 0.0, days=MIN_DAYS, sessions=2, seed=seed))
    assert found.sessions.sd >= 0.003
    assert found.pairs.sd > 0
    constant = floors(Kind.CPU, noise(0.0, 0.0, days=MIN_DAYS, sessions=5))
    assert min(constant.runs.sd, constant.sessions.sd, constant.pairs.sd) > 0


def test_days_count_for_the_benchmark_that_was_timed_on_them():
    old = noise(0.01, session_sd=0.01, days=MIN_DAYS - 1)
    new = dataclasses.replace(
        noise().sittings[0],
        time="2026-02-01T12:00:00+00:00",
        sessions=tuple({"new": session["a.py::test"]} for session in noise().sittings[0].sessions),
    )
    assert floors(Kind.CPU, dataclasses.replace(old, sittings=(*old.sittings, new))).sessions.declared


def test_among_benchmarks_alike_none_is_named():
    alike = with_others(noise(0.01, days=3), b=noise(0.01, seed=1, days=3), c=noise(0.01, seed=2, days=3))
    assert unusual(floors(Kind.CPU, alike)) == []


def test_a_quieter_machine_supports_a_smaller_tolerance():
    quiet, noisy = (floors(Kind.CPU, noise(sd, sd, sessions=30)) for sd in (0.005, 0.03))
    assert supported_by_baselines(quiet) < supported_by_baselines(noisy)
    assert supported_by_pairs(quiet) < supported_by_pairs(noisy)
    assert supported_by_pairs(quiet) < supported_by_baselines(quiet)


def test_the_supported_tolerance_of_an_uncalibrated_cpu_is_below_its_default():
    assert 0.05 < supported_by_baselines(floors(Kind.CPU, None)) < 0.10
    assert supported_by_pairs(floors(Kind.CPU, None)) < 0.025
