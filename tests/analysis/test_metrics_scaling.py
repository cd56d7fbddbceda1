"""Scaling efficiency: which kind it is, and that it is the share of N times one device's throughput."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.metrics.scaling import metrics, scaling
from pytest_accel.records import AcceptedEntry, Baseline, Workload

ONE = Workload("resnet50", "jax", 64, {"precision": "float32"})


def alone(throughput=100.0, workload=ONE):
    summary = {} if throughput is None else {"throughput": throughput}
    return Baseline(
        "test_it.py::test_it", workload, (AcceptedEntry("2026-11-01T00:00:00+00:00", {}, summary, ()),)
    )


def of_batch(examples):
    return dataclasses.replace(ONE, examples_per_step=examples)


@given(devices=st.integers(2, 1024), throughput=st.floats(1, 1e6), share=st.floats(0.01, 2))
def test_efficiency_is_the_share_of_so_many_devices_alone(devices, throughput, share):
    reached = share * devices * throughput
    weak = scaling(of_batch(64 * devices), reached, devices, alone(throughput))
    strong = scaling(ONE, reached, devices, alone(throughput))
    assert (weak.kind, strong.kind) == ("weak", "strong")
    assert weak.efficiency == strong.efficiency == pytest.approx(share)


@pytest.mark.parametrize(
    ("workload", "baseline"),
    [
        (of_batch(100), alone()),
        (dataclasses.replace(of_batch(128), framework="tensorflow"), alone()),
        (dataclasses.replace(of_batch(128), parameters={"precision": "mixed_float16"}), alone()),
        (of_batch(128), alone(None)),
    ],
)
def test_other_work_is_not_set_in_relation(workload, baseline):
    assert scaling(workload, 150.0, 2, baseline) is None


def test_metrics_say_what_a_device_contributes():
    assert metrics(180.0, 2, None) == {"throughput_per_device": 90.0}
    found = scaling(of_batch(128), 180.0, 2, alone())
    assert metrics(180.0, 2, found) == {"throughput_per_device": 90.0, "weak_scaling_efficiency": 0.9}
