"""The last run of a new baseline begins later than the others, such that they share no slow spell."""

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
    """Counts those that were taken; each takes no time."""

    min_samples = 1
    taken = 0

    def next(self):
        self.taken += 1
        steps = Steps((0.25,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4)
        return Run(Workload("measure", "python", 32), steps, {})


@pytest.fixture
def paused(tmp_path):
    """``paused(kind, **settings)`` gives (runs taken, seconds) of each pause of a session that records."""

    def paused(kind=Kind.CPU, *, runs=3, wait=60.0, update_baselines=True, record_missing=False):
        asked = {
            "runs": runs,
            "wait": wait,
            "budget": 60.0,
            "accel": kind,
            "update_baselines": update_baselines,
        }
        settings = Settings(**{**DEFAULTS, **asked, "record_missing": record_missing})
        accelerator = Accelerator("some-identity", kind, "some model", 1)
        store = BaselineStore(tmp_path / "baselines", accelerator.identity)
        context = GateContext(accelerator, settings, store, 1, floors(kind, None))
        sampler, pauses = Runs(), []
        gate = BaselineGate(
            Benchmark("test_it.py::test_step"),
            "test_step",
            context,
            lambda _so_far: None,
            pause=lambda seconds: pauses.append((sampler.taken, round(seconds))),
        )
        result = gate.result(sampler)
        recording = update_baselines or record_missing
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
