"""What a new baseline is made of: runs apart in time, without one that was slow by chance."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.records import Accelerator, Benchmark, Kind, Outcome, Run, Steps, Workload

DEFAULTS = {
    name: None for name in Settings.__dataclass_fields__ if name not in ("kinds", "min_devices", "min_memory")
}


class Runs:
    """Gives runs with these step times, or of 0.25 s; each takes no time."""

    min_samples = 1

    def __init__(self, *times_s):
        self._times_s = times_s
        self.taken = 0

    def next(self):
        time_s = self._times_s[self.taken] if self._times_s else 0.25
        self.taken += 1
        steps = Steps((time_s,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4)
        return Run(Workload("measure", "python", 32), steps, {})


@pytest.fixture
def session(tmp_path):
    """``session(runs, **settings)`` gives the result, and (runs taken, seconds) of each pause."""

    def session(sampler, kind=Kind.CPU, **asked):
        defaults = {"runs": 3, "wait": 60.0, "budget": 60.0, "accel": kind, "update_baselines": True}
        settings = Settings(**{**DEFAULTS, **defaults, **asked})
        accelerator = Accelerator("some-identity", kind, "some model", 1)
        store = BaselineStore(tmp_path / "baselines", accelerator.identity)
        context = GateContext(accelerator, settings, store, 1, floors(kind, None))
        pauses = []
        gate = BaselineGate(
            Benchmark("test_it.py::test_step"),
            "test_step",
            context,
            lambda _so_far: None,
            pause=lambda seconds: pauses.append((sampler.taken, round(seconds))),
        )
        return gate.result(sampler), pauses

    return session


@pytest.fixture
def paused(session):
    """``paused(**settings)`` gives (runs taken, seconds) of each pause."""

    def paused(**asked):
        result, pauses = session(Runs(), **asked)
        recording = asked.get("update_baselines", True) or asked.get("record_missing")
        assert result.verdict.outcome is (Outcome.RECORDED if recording else Outcome.NO_BASELINE)
        return pauses

    return paused


def test_the_last_run_of_a_new_baseline_begins_a_minute_later(paused):
    assert paused() == [(2, 60)]
    assert paused(runs=5) == [(4, 60)]


def test_a_missing_baseline_is_recorded_in_the_same_way(paused):
    assert paused(update_baselines=False, record_missing=True) == [(2, 60)]


@pytest.mark.parametrize(
    "settings", [{"wait": 0.0}, {"runs": 1}, {"kind": Kind.GPU}, {"update_baselines": False}]
)
def test_nothing_waits_where_there_is_no_reason_to(paused, settings):
    assert paused(**settings) == []


def test_the_wait_is_no_longer_than_the_session_allows(paused):
    assert paused(wait=10.0) == [(2, 10)]


@pytest.mark.parametrize(
    ("times_s", "taken", "kept"),
    [
        ((0.25, 0.25, 0.26), 3, 3),
        ((0.25, 0.25, 0.30, 0.25, 0.25), 5, 4),
        ((0.30, 0.25, 0.25, 0.25, 0.25), 5, 4),
        ((0.25, 0.25, 0.30, 0.30, 0.25), 5, 5),  # the program varies
        ((0.25, 0.24, 0.265, 0.25, 0.25), 3, 3),
    ],
)
def test_a_run_that_was_slow_by_chance_is_left_out_if_two_further_ones_say_so(session, times_s, taken, kept):
    sampler = Runs(*times_s)
    result, _ = session(sampler)
    assert sampler.taken == taken
    assert len(result.runs) == kept
    words = f"baseline recorded from {kept} runs"
    if kept < taken:
        words += ", without one that was much slower than all others"
    assert result.verdict.reason == words


@pytest.mark.parametrize("asked", [{"runs": 2}, {"runs": 1}, {"in_process": True, "runs": 1}])
def test_of_fewer_runs_nobody_can_say_which_is_the_odd_one(session, asked):
    sampler = Runs(0.25, 0.40, 0.25)
    result, _ = session(sampler, **asked)
    assert len(result.runs) == sampler.taken == asked["runs"]
