"""The verdict on compiled programs: what is gated, and what the sentence says of the operations."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.rules.program import TOLERANCE, judge
from pytest_accel.records import Operations, Outcome, ProgramFacts

BEFORE = ProgramFacts(
    partitioning="per_replica",
    devices=8,
    flops=3.07e12,
    bytes_accessed=3.4e10,
    peak_memory_bytes=5_000_000_000,
    generated_code_bytes=50_000_000,
    operations={"other fusions": Operations(496, 1000), "all-reduce": Operations(1, 100_000)},
)


def changed(**fields):
    return dataclasses.replace(BEFORE, **fields)


def test_the_same_program_passes():
    verdict = judge(BEFORE, BEFORE)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.reason == "the program is the same"
    assert all(one.change == 0 for one in verdict.comparisons)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"flops": 3.2e12}, "for each device: FLOPs +4.2%"),
        ({"bytes_accessed": 5.1e10}, "bytes accessed +50.0%"),
        ({"peak_memory_bytes": 5_100_000_000}, "peak memory +2.0%"),
        ({"loops": (24, None)}, "loop iterations 0 -> 25"),
    ],
)
def test_a_number_that_grows_regresses(fields, said):
    verdict = judge(changed(**fields), BEFORE)
    assert verdict.outcome is Outcome.REGRESSED
    assert said in verdict.reason


def test_less_memory_for_more_code_is_no_regression():
    verdict = judge(changed(generated_code_bytes=60_000_000, peak_memory_bytes=4_900_000_000), BEFORE)
    assert verdict.outcome is Outcome.IMPROVED
    assert "program size" not in verdict.reason


def test_an_exchange_that_was_not_there_regresses_and_is_named():
    gathered = {**BEFORE.operations, "all-gather": Operations(2, 5_000_000)}
    verdict = judge(changed(operations=gathered), BEFORE)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason == (
        "for each device: collectives +200.0%, bytes of collectives +5000.0%; in the program: "
        "all-gather 0 -> 2 (+5,000,000 bytes)"
    )


def test_an_exchange_where_there_was_none_regresses():
    alone = changed(operations={})
    verdict = judge(BEFORE, alone)
    assert verdict.outcome is Outcome.REGRESSED
    assert "collectives 0 -> 1, bytes of collectives 0 -> 100,000" in verdict.reason


def test_less_is_an_improvement():
    verdict = judge(changed(bytes_accessed=3e10), BEFORE)
    assert verdict.outcome is Outcome.IMPROVED
    assert verdict.reason.endswith("update the baseline with --accel-update-baselines")


def test_one_number_that_grows_outweighs_another_that_falls():
    assert judge(changed(flops=1e12, bytes_accessed=5e10), BEFORE).outcome is Outcome.REGRESSED


def test_operations_that_change_without_weight_are_said_of_a_pass():
    more = {**BEFORE.operations, "other fusions": Operations(497, 1200)}
    verdict = judge(changed(operations=more), BEFORE)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.reason == "the program is the same, but for other fusions 496 -> 497 (+200 bytes)"


@given(factor=st.floats(0.5, 2), field=st.sampled_from(["flops", "bytes_accessed"]))
def test_every_change_beyond_the_tolerance_and_none_within_is_told(factor, field):
    outcome = judge(changed(**{field: getattr(BEFORE, field) * factor}), BEFORE).outcome
    if factor > 1 + TOLERANCE * 1.001:
        assert outcome is Outcome.REGRESSED
    elif factor < 1 - TOLERANCE * 1.001:
        assert outcome is Outcome.IMPROVED
    elif abs(factor - 1) < TOLERANCE * 0.999:
        assert outcome is Outcome.PASSED
