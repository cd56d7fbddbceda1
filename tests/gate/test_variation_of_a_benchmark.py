"""Whose variation widens the interval of a benchmark: its own, and that of most others."""

from __future__ import annotations

import math
import statistics

import pytest

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.gate.step_timing import StepTiming
from pytest_accel.records import (
    Accelerator,
    AcceptedEntry,
    Baseline,
    Benchmark,
    Kind,
    Outcome,
    Run,
    Steps,
    Workload,
)
from pytest_accel.records.noise import MachineNoise, Sitting

DEFAULTS = {
    name: None for name in Settings.__dataclass_fields__ if name not in ("kinds", "min_devices", "min_memory")
}
SETTINGS = Settings(**{**DEFAULTS, "runs": 1, "wait": 60.0, "budget": 60.0, "accel": Kind.CPU})
WORKLOAD = Workload("measure", "python", 32)
CALM, VARIES = (0.25, 0.251, 0.252), (0.22, 0.25, 0.28)


def steps(time_s):
    return Steps((time_s,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4)


def stored(name, times_s, folder=""):
    runs = tuple(map(steps, times_s))
    entry = AcceptedEntry(
        "2026-01-01T00:00:00+00:00", {}, {"step_time_s": statistics.geometric_mean(times_s)}, runs
    )
    return Baseline(f"{folder}test_it.py::test_{name}", WORKLOAD, (entry,))


@pytest.fixture
def verdict(tmp_path):
    """``verdict(times_s, others, calibrated)`` judges one run of 0.251 s by a baseline with these times."""

    def verdict(times_s, others=(), calibrated=(), folder=""):
        store = BaselineStore(tmp_path / "baselines", "some-identity")
        baseline = stored("it", times_s, folder)
        for one in (baseline, *(stored(index, other) for index, other in enumerate(others))):
            (entry,) = one.accepted
            store.accept(Benchmark(one.benchmark), one.workload, entry)
        noise = MachineNoise(Kind.CPU, (Sitting("2026-01-01T00:00:00+00:00", {}, tuple(calibrated)),))
        accelerator = Accelerator("some-identity", Kind.CPU, "some model", 1)
        context = GateContext(accelerator, SETTINGS, store, 1, floors(Kind.CPU, noise))
        runs = [Run(WORKLOAD, steps(0.251), {})]
        return StepTiming(context).judge(baseline, runs, may_take_more=False)

    return verdict


def test_calm_beside_calm_benchmarks_it_passes(verdict):
    assert verdict(CALM, [CALM] * 4).outcome is Outcome.PASSED


def test_one_other_that_varies_changes_nothing(verdict):
    assert verdict(CALM, [VARIES, CALM, CALM, CALM]) == verdict(CALM, [CALM] * 4)


def test_where_most_others_vary_the_machine_does(verdict):
    assert verdict(CALM, [VARIES] * 4).outcome is Outcome.INCONCLUSIVE


def test_its_own_variation_counts_whatever_the_others_do(verdict):
    found = verdict(VARIES, [CALM] * 4)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "the runs of this benchmark differ by a standard deviation of 12.1%, where 1.7%" in found.reason


def test_its_own_variation_is_known_from_a_calibration(verdict):
    sessions = [{"test_it.py::test_it": VARIES, "test_it.py::test_calm": CALM}] * 10
    found = verdict(CALM, calibrated=sessions)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "the runs of this benchmark differ" in found.reason


def test_a_calibration_may_name_it_from_a_folder_further_down(verdict):
    sessions = [{"test_it.py::test_it": VARIES, "test_calm.py::test_it": CALM, "it.py::test_it": CALM}] * 10
    assert verdict(CALM, calibrated=sessions, folder="pkg/").outcome is Outcome.INCONCLUSIVE


def test_a_calibrated_benchmark_that_varies_changes_nothing_for_another(verdict):
    sessions = [{"test_it.py::test_other": VARIES, "test_it.py::test_it": CALM}] * 10
    assert verdict(CALM, calibrated=sessions).outcome is Outcome.PASSED


def test_a_calm_calibration_of_one_day_says_nothing_about_other_sessions(verdict):
    """The half width is then that of what sessions are assumed to differ by, and little more."""
    for times_s in ((0.25, 0.25, 0.25), (0.25, 0.25, 0.25001)):
        (comparison,) = verdict(CALM, calibrated=[{"test_it.py::test_it": times_s}] * 10).comparisons
        low, high = comparison.interval
        assert 1 < (high - low) / 2 / (1.96 * math.sqrt(2) * 0.7 * 0.017) < 1.3


def test_a_noisy_calibration_widens_what_is_assumed_between_sessions(verdict):
    few, many = ([{"test_it.py::test_it": (0.24, 0.25, 0.26)}] * sessions for sessions in (10, 1000))
    for sessions in (few, many):
        (comparison,) = verdict(CALM, calibrated=sessions).comparisons
        low, high = comparison.interval
        assert (high - low) / 2 > 1.96 * math.sqrt(2) * 0.7 * 0.03
