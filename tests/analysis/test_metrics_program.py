"""The numbers of a compiled program."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_accel.analysis.metrics.program import summary
from pytest_accel.records import Operations, ProgramFacts, Workload

WORKLOAD = Workload("resnet50", "jax", 1024)
MEMORY = 8 * 2**30
FACTS = ProgramFacts(
    partitioning="per_replica",
    devices=8,
    flops=3.07e12,
    bytes_accessed=3.45e10,
    peak_memory_bytes=2**32,
    generated_code_bytes=5 * 10**7,
    operations={
        "all-reduce": Operations(2, 2 * 10**8, exchanged_bytes=10**8),
        "all-gather": Operations(1, 10, exchanged_bytes=5),
        "fusions f32": Operations(496, 10**9),
    },
    loops=(24, None),
    modelled_step_time_s=0.25,
    estimated_step_time_s=0.1785,
    compile_time_s=37.0,
)


def test_numbers_of_the_program_stand_beside_its_modelled_speed():
    numbers = summary(WORKLOAD, FACTS, MEMORY)
    assert numbers["peak_memory_share"] == 0.5
    assert (numbers["collectives"], numbers["collective_bytes"]) == (3, 10**8 + 5)
    assert numbers["loop_iterations"] == 25
    assert (numbers["modelled_step_time_s"], numbers["modelled_throughput"]) == (0.25, 4096)
    assert numbers["estimated_throughput"] == pytest.approx(1024 / 0.1785)


@pytest.mark.parametrize("name", ["estimated", "modelled"])
def test_a_step_time_that_is_not_there_is_absent(name):
    numbers = summary(WORKLOAD, dataclasses.replace(FACTS, **{f"{name}_step_time_s": None}), MEMORY)
    assert not any(metric.startswith(name) for metric in numbers)
