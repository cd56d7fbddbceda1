"""A session of one benchmark, whose runs are given."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.records import Accelerator, Benchmark, Kind

DEFAULTS = {
    name: None for name in Settings.__dataclass_fields__ if name not in ("kinds", "min_devices", "min_memory")
}


class Runs:
    """Gives these runs, one after the other."""

    min_samples = 1

    def __init__(self, *runs):
        self.left = list(runs)

    def next(self):
        return self.left.pop(0)


@pytest.fixture
def gate(tmp_path):
    """``gate(**settings)`` judges a benchmark by the baselines of this test."""

    def gate(benchmarks=1, devices=1, identity="some-identity", **asked):
        defaults = {"runs": 3, "wait": 60.0, "budget": 60.0, "accel": Kind.CPU, "record_missing": False}
        settings = Settings(**{**DEFAULTS, **defaults, **asked})
        store = BaselineStore(tmp_path / "baselines", identity)
        accelerator = Accelerator(identity, Kind.CPU, "some model", devices)
        context = GateContext(accelerator, settings, store, benchmarks, floors(Kind.CPU, None))
        return BaselineGate(
            Benchmark("test_it.py::test_step"),
            "test_step",
            context,
            lambda _so_far: None,
            pause=lambda _seconds: None,
        )

    return gate


@pytest.fixture
def session(gate):
    """``session(*runs, **settings)`` is the result of a session that takes as many of them as it needs."""
    return lambda *runs, **asked: gate(**asked).result(Runs(*runs))
