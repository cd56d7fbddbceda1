"""The numbers of a compiled program, and the bounds that the hardware sets."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_accel.analysis.metrics.program import Limits, summary
from pytest_accel.records import Operations, ProgramFacts, Workload

WORKLOAD = Workload("resnet50", "jax", 1024)
CORE = Limits(flops_per_s=22.5e12, memory_bytes_per_s=350e9, memory_bytes=8 * 2**30)
FACTS = ProgramFacts(
    partitioning="per_replica",
    devices=8,
    flops=3.07e12,
    bytes_accessed=3.45e10,
    peak_memory_bytes=2**32,
    generated_code_bytes=5 * 10**7,
    operations={"all-reduce": Operations(1, 10**8), "other fusions": Operations(496, 10**9)},
    estimated_step_time_s=0.1785,
    compile_time_s=37.0,
)


def test_the_roofline_is_the_longer_of_computing_and_of_moving_the_bytes():
    computing = summary(WORKLOAD, FACTS, CORE)
    assert computing["memory_time_s"] == pytest.approx(3.45e10 / 350e9)
    assert computing["roofline_step_time_s"] == computing["compute_time_s"]
    assert computing["roofline_step_time_s"] == pytest.approx(3.07e12 / 22.5e12)
    assert computing["roofline_throughput"] == pytest.approx(1024 / (3.07 / 22.5))
    moving = summary(WORKLOAD, dataclasses.replace(FACTS, bytes_accessed=3.5e11), CORE)
    assert moving["roofline_step_time_s"] == pytest.approx(1.0)


def test_numbers_of_the_program_stand_beside_them():
    numbers = summary(WORKLOAD, FACTS, CORE)
    assert numbers["peak_memory_share"] == 0.5
    assert (numbers["collectives"], numbers["collective_bytes"]) == (1, 10**8)
    assert numbers["other_fusions"] == 496
    assert "copies" not in numbers
    assert numbers["estimated_throughput"] == pytest.approx(1024 / 0.1785)


def test_an_estimate_that_the_compiler_does_not_give_is_absent():
    numbers = summary(WORKLOAD, dataclasses.replace(FACTS, estimated_step_time_s=None), CORE)
    assert not any(name.startswith("estimated") for name in numbers)
