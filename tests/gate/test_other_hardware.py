"""Which baselines of other hardware judge training, and what begins a new history."""

from __future__ import annotations

import pytest

from pytest_accel.records import Curve, Epoch, Outcome, Run, Steps, Workload


def training(seed, *, train_examples=1408):
    epochs = tuple(Epoch(0.5, top1, top1, 9.0, 1.0) for top1 in (0.3, 0.9, 0.95))
    curve = Curve(seed, epochs, train_examples, 360, 1.0, 1.0, 1.0)
    return Run(Workload("digits", "jax", 64, {"epochs": 3, "target": 0.9}), curve, {})


@pytest.fixture
def record(session):
    def record(seeds, **asked):
        runs = map(training, range(seeds))
        assert session(*runs, runs=seeds, update_baselines=True, **asked).verdict.outcome is Outcome.RECORDED

    return record


@pytest.mark.parametrize(
    ("recorded_on", "devices", "outcome"),
    [
        (1, 1, Outcome.PASSED),
        (8, 8, Outcome.PASSED),
        (1, 8, Outcome.NO_BASELINE),
        (8, 1, Outcome.NO_BASELINE),
    ],
)
def test_it_is_of_as_many_devices(session, record, recorded_on, devices, outcome):
    """Each device normalizes over its share of a batch, so that others learn otherwise."""
    record(5, identity="theirs", devices=recorded_on)
    assert session(training(7), runs=1, identity="ours", devices=devices).verdict.outcome is outcome


def test_without_one_it_says_which_hardware_has_one(session):
    """Such as this machine without ``taskset``, or another type of runner."""
    steps = Run(Workload("measure", "numpy", 8), Steps((0.1,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4), {})
    nothing = session(steps, runs=1, identity="cpu-x-2-cores").verdict
    assert nothing.reason.startswith("nothing is stored for cpu-x-2-cores: record it with")
    for identity in "edcba":
        session(*[steps] * 3, update_baselines=True, identity=identity)
    verdict = session(steps, runs=1, identity="cpu-x-2-cores").verdict
    assert verdict.outcome is Outcome.NO_BASELINE
    assert verdict.reason.startswith(
        "nothing is stored for cpu-x-2-cores, but for a, b, c and 2 more: record it with"
    )


def test_the_one_of_most_seeds_decides(session, record):
    for identity, seeds in (("a", 1), ("b", 5), ("c", 2)):
        record(seeds, identity=identity)
    result = session(training(7), runs=1, identity="ours")
    assert result.verdict.outcome is Outcome.PASSED
    assert "compared with the baseline of b in what does not depend on hardware" in result.notes[0]


def test_other_data_begin_a_history_of_their_own(session, record):
    record(5)
    assert len(session(training(7), runs=1).history) == 1
    grown = [training(seed, train_examples=2000) for seed in range(5)]
    result = session(*grown, runs=5, update_baselines=True)
    assert "in place of one for other work (train_examples 1408 -> 2000)" in result.verdict.reason
    again = session(training(7, train_examples=2000), runs=1)
    assert again.verdict.outcome is Outcome.PASSED
    assert len(again.history) == 1
