"""Intervals and pooled variance: what the rules build on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.stats import Spread, log_ratio, pooled_log_variance, two_sided_quantile

TIMES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=6)
FEW = settings(max_examples=50, deadline=None)
SPREAD = Spread(sd=0.02, shared_sd=0.01, dof=22)
SPREADS = st.builds(
    Spread, sd=st.floats(0, 0.1), shared_sd=st.floats(0, 0.1), dof=st.sampled_from([4.0, 22.0, math.inf])
)
CONFIDENCES = st.sampled_from([0.5, 0.95, 0.99])


@FEW
@given(now=TIMES, reference=TIMES, spread=SPREADS, confidence=CONFIDENCES)
def test_the_interval_holds_the_change_and_more_confidence_widens_it(now, reference, spread, confidence):
    ratio = log_ratio(now, reference, spread)
    low, high = ratio.interval(confidence)
    assert low <= ratio.change <= high
    wider = ratio.interval(0.999)
    assert wider[0] <= low
    assert high <= wider[1]


@FEW
@given(now=TIMES, reference=TIMES)
def test_swapping_the_samples_mirrors_the_estimate(now, reference):
    there = log_ratio(now, reference, SPREAD)
    back = log_ratio(reference, now, SPREAD)
    assert back.estimate == pytest.approx(-there.estimate, abs=1e-12)
    assert back.standard_error == there.standard_error


def test_twice_the_time_is_a_change_of_100_percent():
    assert log_ratio([2.0, 2.0], [1.0], SPREAD).change == pytest.approx(1.0)


def test_the_standard_error_counts_the_runs_of_both_sides():
    ratio = log_ratio([1.0, 1.0], [1.0, 1.0, 1.0], SPREAD)
    standard_error = math.sqrt(2 * 0.01**2 + 0.02**2 * (1 / 2 + 1 / 3))
    assert ratio.standard_error == pytest.approx(standard_error)
    assert ratio.half_width(0.99) == pytest.approx(2.8188 * standard_error, rel=1e-4)


@FEW
@given(spread=SPREADS, runs=st.integers(1, 50), more=st.integers(0, 50))
def test_no_number_of_runs_takes_away_what_they_share(spread, runs, more):
    limit = spread.standard_error(math.inf, math.inf)
    assert limit == pytest.approx(spread.shared_sd * math.sqrt(2))
    assert limit <= spread.standard_error(runs + more, runs) <= spread.standard_error(runs, runs)


@pytest.mark.parametrize(("now", "reference"), [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [-1.0])])
def test_samples_without_a_logarithm_are_refused(now, reference):
    with pytest.raises(ValueError, match=r"no time to take the mean of|math domain|expected a positive"):
        log_ratio(now, reference, SPREAD)


@pytest.mark.parametrize(
    ("confidence", "dof", "published"),
    [(0.95, 10, 2.228), (0.99, 22, 2.819), (0.99, 1, 63.657), (0.95, math.inf, 1.960)],
)
def test_quantiles_are_those_of_the_printed_tables(confidence, dof, published):
    assert two_sided_quantile(confidence, dof) == pytest.approx(published, abs=5e-4)


def test_groups_of_one_run_tell_nothing():
    assert pooled_log_variance([[1.0], [2.0], []]) == (0.0, 0)
    assert pooled_log_variance([[1.0], [2.0, 2.1]]) == pooled_log_variance([[2.0, 2.1]])
