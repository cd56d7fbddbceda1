"""Which runs other programs disturbed."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.rules.disturbance import (
    MAX_OTHERS_SHARE,
    MIN_CLEAN_BLOCKS,
    clean_blocks,
    description,
    is_disturbed,
)
from pytest_accel.analysis.rules.run_lengths import first_blocks
from pytest_accel.records import Conditions, Steps

BUSY, QUIET = 1.0, 0.0


def run(*others_share: float, programs: tuple[str, ...] = ()) -> Steps:
    times_s = tuple(0.1 + 0.01 * number for number in range(max(6, len(others_share))))
    return dataclasses.replace(
        Steps(times_s, 1, 0.0, 0.0, 0.0, 0.0, 0),
        others_share=others_share,
        conditions=Conditions(other_programs=programs),
    )


@given(st.lists(st.floats(0, 4), min_size=6, max_size=40))
def test_clean_blocks_are_clean_or_the_run_is_disturbed(cores):
    cleaned = clean_blocks(run(*cores))
    if is_disturbed(run(*cores)):
        assert vars(cleaned) == vars(run(*cores))
        assert sum(each <= MAX_OTHERS_SHARE for each in cores) < MIN_CLEAN_BLOCKS
    else:
        assert max(cleaned.others_share) <= MAX_OTHERS_SHARE
        assert len(cleaned.step_times_s) == len(cleaned.others_share) >= MIN_CLEAN_BLOCKS
        assert set(cleaned.step_times_s) <= set(run(*cores).step_times_s)


def test_where_it_is_unknown_no_run_is_disturbed():
    assert not is_disturbed(run())
    assert clean_blocks(run()) == run()


def test_a_run_with_too_few_clean_blocks_is_disturbed_however_it_is_cut():
    disturbed = clean_blocks(run(*[QUIET] * 6, *[BUSY] * 30), enough=7)
    assert is_disturbed(disturbed)
    assert is_disturbed(first_blocks(disturbed, 6))
    assert disturbed.step_times_s == run(*[QUIET] * 6, *[BUSY] * 30).step_times_s
    assert not is_disturbed(clean_blocks(run(*[QUIET] * 6, *[BUSY] * 30), enough=6))
    assert not is_disturbed(clean_blocks(run(*[QUIET] * 6), enough=7))  # short, and nobody disturbed it


@pytest.mark.parametrize(
    ("programs", "who"),
    [
        (("python3 (pid 7)", "cc1 (pid 8)"), "python3 (pid 7), cc1 (pid 8)"),
        ((), "programs that cannot be seen from here"),
    ],
)
def test_the_description_names_programs_and_blocks(programs, who):
    runs = [run(*[BUSY] * 5, QUIET, programs=programs), run(*[QUIET] * 6, programs=("innocent",))]
    assert description(runs) == f"other programs used the CPU during 5 of 6 blocks ({who})"
