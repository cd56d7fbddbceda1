"""The verdict on compiled programs: what is gated, and what the sentence says of the causes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.rules.program import TOLERANCE, judge
from pytest_accel.records import LoopBody, Operations, Outcome, ProgramFacts

MEMORY = 8 * 2**30
MATMULS = Operations(
    24, 10**9, 3e12, 10**9, 0, 0, time_s=0.08, times_s_by_line={"model.py:12": 0.05, "model.py:20": 0.03}
)
FUSIONS = Operations(496, 10**9, 1e9, 10**9, time_s=0.018)
ALL_REDUCE = Operations(1, 2 * 10**8, 0.0, 2 * 10**8, exchanged_bytes=10**8, time_s=0.002)
BEFORE = ProgramFacts(
    partitioning="per_replica",
    devices=8,
    flops=3.07e12,
    bytes_accessed=3.4e10,
    peak_memory_bytes=5_000_000_000,
    generated_code_bytes=50_000_000,
    operations={"matmuls f32": MATMULS, "fusions f32": FUSIONS, "all-reduce": ALL_REDUCE},
    loops=(12,),
    loop_bodies=(LoopBody("model.py:30", "jit(step)/while", 2e11, 0.005),),
    argument_bytes=1_000_000_000,
    result_bytes=1_000_000_000,
    aliased_bytes=1_000_000_000,
    temporary_bytes=4_000_000_000,
    modelled_step_time_s=0.1,
)


def changed(**fields):
    return dataclasses.replace(BEFORE, **fields)


def operations(**kinds):
    """BEFORE's, with some replaced; ``all_gather`` is ``all-gather`` and so on."""
    named = {"matmuls": "matmuls f32", "fusions": "fusions f32"}
    return {
        **BEFORE.operations,
        **{named.get(kind, kind.replace("_", "-")): new for kind, new in kinds.items()},
    }


def verdict_of(**fields):
    return judge(changed(**fields), BEFORE, MEMORY)


def test_the_same_program_passes():
    verdict = verdict_of()
    assert verdict.outcome is Outcome.PASSED
    assert verdict.reason == "the program is the same"
    assert all(one.change == 0 for one in verdict.comparisons)


def test_digits_that_a_file_does_not_keep_are_no_difference():
    rounded = operations(matmuls=dataclasses.replace(MATMULS, time_s=MATMULS.time_s * (1 + 1e-9)))
    verdict = verdict_of(operations=rounded, modelled_step_time_s=0.1 * (1 + 1e-9))
    assert verdict.reason == "the program is the same"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"modelled_step_time_s": 0.104}, "for each device: modelled step time +4.0%"),
        ({"peak_memory_bytes": 5_200_000_000}, "for each device: peak memory +4.0%"),
    ],
)
def test_a_number_that_grows_regresses(fields, said):
    verdict = verdict_of(**fields)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason.startswith(said)


def test_more_exchanges_regress_and_are_named():
    gathered = Operations(2, 10**7, exchanged_bytes=5_000_000, time_s=0.0001)
    verdict = verdict_of(operations=operations(all_gather=gathered), modelled_step_time_s=0.1001)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reason == (
        "for each device: exchanged bytes +5.0%; because of all-gather 0 -> 2 (+100 µs)"
    )


def test_exchanges_where_there_were_none_regress():
    alone = changed(operations={"matmuls f32": MATMULS, "fusions f32": FUSIONS})
    verdict = judge(BEFORE, alone, MEMORY)
    assert verdict.outcome is Outcome.REGRESSED
    assert "exchanged bytes 0 -> 100,000,000" in verdict.reason


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        ({"modelled_step_time_s": 2e-6}, {"modelled_step_time_s": 2.9e-6}),
        ({"peak_memory_bytes": 10**6}, {"peak_memory_bytes": 9 * 10**6}),
        (
            {"operations": {"all-reduce": Operations(1, 8, exchanged_bytes=4)}},
            {"operations": {"all-reduce": Operations(1, 8, exchanged_bytes=60_000)}},
        ),
    ],
)
def test_changes_too_small_to_matter_pass(before, fields):
    assert judge(changed(**{**before, **fields}), changed(**before), MEMORY).outcome is Outcome.PASSED


@pytest.mark.parametrize("modelled_step_time_s", [0.08, 0.1])
def test_more_transfers_to_the_host_regress_however_fast_the_rest_is(modelled_step_time_s):
    printing = {**BEFORE.operations, "host transfers": Operations(2, 8, time_s=1e-9)}
    verdict = verdict_of(operations=printing, modelled_step_time_s=modelled_step_time_s)
    assert verdict.outcome is Outcome.REGRESSED
    assert "host transfers 0 -> 2" in verdict.reason
    less = judge(BEFORE, changed(operations=printing), MEMORY)
    assert less.outcome is Outcome.IMPROVED


def test_one_transfer_more_regresses_beside_any_number_and_tolerance():
    many, more = ({"host transfers": Operations(count, 8)} for count in (60, 61))
    verdict = judge(changed(operations=more), changed(operations=many), MEMORY, tolerance=0.1)
    assert verdict.outcome is Outcome.REGRESSED


def test_more_code_is_no_regression():
    assert verdict_of(generated_code_bytes=600_000_000).outcome is Outcome.PASSED


def test_a_faster_program_may_take_more_memory_and_says_so():
    verdict = verdict_of(
        modelled_step_time_s=0.08,
        peak_memory_bytes=6_000_000_000,
        temporary_bytes=5_000_000_000,
        operations=operations(matmuls=dataclasses.replace(MATMULS, count=12, time_s=0.06)),
    )
    assert verdict.outcome is Outcome.IMPROVED
    assert verdict.reason == (
        "for each device: modelled step time -20.0%, peak memory +20.0%; because of matmuls f32 24 -> 12 "
        "(-20 ms); temporary values +954 MiB: update the baseline with --accel-update-baselines"
    )


def test_a_slower_program_regresses_whatever_it_saves():
    verdict = verdict_of(modelled_step_time_s=0.12, peak_memory_bytes=3_000_000_000)
    assert verdict.outcome is Outcome.REGRESSED
    assert "modelled step time +20.0%, peak memory -40.0%" in verdict.reason


def test_less_memory_at_the_same_speed_is_an_improvement():
    verdict = verdict_of(peak_memory_bytes=4_000_000_000)
    assert verdict.outcome is Outcome.IMPROVED
    assert verdict.reason.endswith("update the baseline with --accel-update-baselines")


class TestCauses:
    def test_the_kind_that_takes_most_more_time_comes_first_with_its_line(self):
        more = Operations(
            36, 10**9, 4.5e12, 10**9, time_s=0.12, times_s_by_line={"model.py:13": 0.05, "model.py:22": 0.07}
        )
        verdict = verdict_of(
            operations=operations(
                matmuls=more, fusions=dataclasses.replace(FUSIONS, count=500, time_s=0.019)
            ),
            modelled_step_time_s=0.141,
        )
        assert "because of matmuls f32 24 -> 36 (+40 ms, most of it at model.py:22)" in verdict.reason
        assert "fusions" not in verdict.reason

    def test_kinds_that_one_line_makes_go_together_and_weigh_together(self):
        at = {"model.py:22": 0.07}
        now = {
            "matmuls f32": Operations(36, 10**9, 4.5e12, time_s=0.09, times_s_by_line=at),
            "all-reduce": Operations(2, 10**9, time_s=0.02, times_s_by_line=at),
            "copies": Operations(2, 10**6, time_s=0.0001, times_s_by_line=at),
            "sorts": Operations(2, 10**6, time_s=0.025, times_s_by_line={"model.py:5": 0.02}),
        }
        reason = verdict_of(operations={**BEFORE.operations, **now}, modelled_step_time_s=0.16).reason
        assert reason.partition("because of ")[2] == (
            "all-reduce 1 -> 2 (+18 ms) and matmuls f32 24 -> 36 (+10 ms), most of it at model.py:22; "
            "sorts 0 -> 2 (+25 ms, most of it at model.py:5)"
        )

    def test_a_loop_that_runs_more_often_is_named_by_its_line(self):
        verdict = verdict_of(
            loops=(24,),
            operations=operations(matmuls=dataclasses.replace(MATMULS, count=48, time_s=0.14)),
            modelled_step_time_s=0.16,
        )
        assert "because of the loop at model.py:30 12 -> 24 iterations (+60 ms); matmuls" in verdict.reason

    def test_a_loop_stands_before_what_it_runs_and_after_what_weighs_much_more(self):
        for matmuls_s, first in ((0.16, "the loop at model.py:30"), (0.32, "matmuls f32 24 -> 48")):
            more = dataclasses.replace(MATMULS, count=48, time_s=matmuls_s)
            verdict = verdict_of(loops=(24,), operations=operations(matmuls=more), modelled_step_time_s=0.3)
            assert f"because of {first}" in verdict.reason

    def test_a_loop_of_a_framework_without_lines_goes_by_its_name(self):
        bodies = (LoopBody(None, "tf/while_loop", 2e11, 0.005),)
        verdict = verdict_of(loops=(24,), loop_bodies=bodies, modelled_step_time_s=0.16)
        assert "the loop tf/while_loop 12 -> 24 iterations" in verdict.reason

    def test_padding_is_named_where_it_is_most_of_what_is_moved(self):
        padded = dataclasses.replace(FUSIONS, padding_bytes=6 * 10**8, bytes=10**9 + 10**6, time_s=0.028)
        verdict = verdict_of(operations=operations(fusions=padded), modelled_step_time_s=0.11)
        assert "because of padding of arrays to whole tiles (+572 MiB moved)" in verdict.reason

    def test_transfers_to_the_host_come_first_however_little_they_move(self):
        printing = {**BEFORE.operations, "host transfers": Operations(2, 8, time_s=1e-9)}
        more = dataclasses.replace(MATMULS, count=48, time_s=0.16)
        verdict = verdict_of(operations={**printing, "matmuls f32": more}, modelled_step_time_s=0.18)
        assert "because of host transfers 0 -> 2 (+1 ns); matmuls f32 24 -> 48" in verdict.reason

    def test_both_ways_through_a_loop_are_one(self):
        bodies = (*BEFORE.loop_bodies, LoopBody("model.py:30", "jit(step)/transpose/while", 4e11, 0.01))
        before = changed(loops=(12, 12), loop_bodies=bodies)
        more = dataclasses.replace(MATMULS, count=48, time_s=0.2)
        now = changed(
            loops=(24, 24), loop_bodies=bodies, operations=operations(matmuls=more), modelled_step_time_s=0.28
        )
        reason = judge(now, before, MEMORY).reason
        assert "because of the loop at model.py:30 12 -> 24 iterations (+180 ms); matmuls f32" in reason

    def test_a_loop_that_was_unrolled_is_no_cause(self):
        bodies = (LoopBody("model.py:30", "jit(step)/while", 8e11, 0.02),)
        verdict = verdict_of(loops=(3,), loop_bodies=bodies, modelled_step_time_s=0.12)
        assert "iterations" not in verdict.reason

    def test_a_state_that_is_not_reused_is_named(self):
        verdict = verdict_of(aliased_bytes=0, peak_memory_bytes=6_000_000_000)
        assert verdict.reason.endswith("because of 954 MiB of the state no longer reused (donation lost?)")


@given(
    factor=st.floats(0.5, 2),
    field=st.sampled_from(["modelled_step_time_s", "peak_memory_bytes"]),
    tolerance=st.sampled_from([TOLERANCE, 0.05]),
)
def test_every_change_beyond_the_tolerance_and_none_within_is_said(factor, field, tolerance):
    now = changed(**{field: getattr(BEFORE, field) * factor})
    outcome = judge(now, BEFORE, MEMORY, tolerance).outcome
    if factor > 1 + tolerance * 1.001:
        assert outcome is Outcome.REGRESSED
    elif factor < 1 - tolerance * 1.001:
        assert outcome is Outcome.IMPROVED
    elif abs(factor - 1) < tolerance * 0.999:
        assert outcome is Outcome.PASSED
