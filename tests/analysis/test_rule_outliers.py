"""Which run of a new baseline is left out, and which are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.rules.outliers import are_alike, slow_run
from pytest_accel.analysis.rules.variance import MIN_RUN_SD
from pytest_accel.records import Kind

SD = MIN_RUN_SD[Kind.CPU]


@pytest.mark.parametrize(
    ("times_s", "slowest"),
    [
        ([2.679, 2.681, 3.207, 2.66, 2.70], 2),  # of unchanged programs on two shared cores
        ([144.0, 126.4, 131.2, 127.0, 129.0], 0),
        ([0.25, 0.25, 0.26, 0.25, 0.25], None),
        ([0.25, 0.31, 0.31, 0.25, 0.25], None),  # slow in two of five
        ([0.25, 0.25, 0.20, 0.25, 0.25], None),  # a fast one is no load
    ],
)
def test_one_slow_run_is_left_out_if_all_others_are_alike(times_s, slowest):
    assert slow_run(times_s, SD) == slowest


def test_runs_that_vary_as_expected_seldom_look_odd():
    rng = np.random.default_rng(0)
    odd = sum(not are_alike(np.exp(SD * rng.standard_normal(3)).tolist(), SD) for _ in range(4000))
    assert odd <= 12  # 4 are expected at a confidence of 99.9%; more than 12 come once in 3,000 times


def test_a_program_that_is_slow_in_half_of_its_processes_mostly_keeps_its_slow_runs():
    rng = np.random.default_rng(0)
    left_out = 0
    for _ in range(2000):
        slow = rng.random(5) < 0.5
        times_s = 0.25 * np.exp(0.2 * slow + SD * rng.standard_normal(5))
        left_out += slow_run(times_s.tolist(), SD) is not None
    assert left_out / 2000 == pytest.approx(5 / 32, abs=0.03), "just where one of the five is slow"


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=8), st.floats(0.001, 0.1))
def test_what_is_left_is_alike(times_s, sd):
    slowest = slow_run(times_s, sd)
    if slowest is not None:
        assert times_s[slowest] == max(times_s)
        assert are_alike([*times_s[:slowest], *times_s[slowest + 1 :]], sd)
        assert not are_alike(times_s, sd)
