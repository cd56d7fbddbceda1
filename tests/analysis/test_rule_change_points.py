"""Where accepted values changed for more than noise."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.rules.change_points import LEAST, change_points

VALUES = st.lists(st.floats(1e-6, 1e6), max_size=30)


@given(VALUES, st.floats(0, 0.5))
def test_a_level_begins_after_the_first_value_and_in_order(values, sd):
    found = change_points(values, sd)

    assert list(found) == sorted(set(found))
    assert all(0 < index < len(values) for index in found)


@given(VALUES, st.floats(0, 0.5), st.floats(1e-3, 1e3))
def test_the_unit_makes_no_difference_away_from_the_edge(values, sd, factor):
    rounded = [2.0 ** round(value % 8) for value in values]

    assert change_points([value * factor for value in rounded], sd) == change_points(rounded, sd)


@given(st.floats(1e-6, 1e6), st.integers(0, 20))
def test_what_stays_the_same_has_one_level(value, count):
    assert change_points([value] * count, sd=0.0) == ()


def test_steps_are_found_where_they_are():
    assert change_points([1.0, 1.01, 0.99, 1.2, 1.21, 1.19, 1.0], sd=0.02) == (3, 6)
    assert change_points([1.0, 1.2], sd=0.2) == ()
    assert change_points([100.0, 100.0 * (1 + 2 * LEAST), 100.0 * (1 + 2 * LEAST)], sd=0.0) == (1,)
    assert change_points([100.0, 100.0 * (1 + LEAST / 2)], sd=0.0) == ()


def test_noise_of_the_declared_size_seldom_begins_a_level():
    rng = random.Random(0)
    begun = sum(
        len(change_points([rng.lognormvariate(0, 0.02) for _ in range(10)], sd=0.02)) for _ in range(500)
    )

    assert begun < 0.02 * 9 * 500
