"""How much an unchanged program is taken to vary between runs."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.rules.variance import FULL_BLOCKS, MIN_RUN_SD, SESSION_SD_RATIO, between_run
from pytest_accel.records import Kind

SESSIONS = json.loads((Path(__file__).parents[1] / "data" / "noise_sessions.json").read_text())
GROUPS = st.lists(st.lists(st.floats(0.1, 10), max_size=5), max_size=5)


def runs_with_sd(sd: float, runs: int) -> list[float]:
    """Step times whose logarithms have exactly this standard deviation."""
    spread = [index - (runs - 1) / 2 for index in range(runs)]
    return [0.25 * math.exp(sd * offset / statistics.stdev(spread)) for offset in spread]


@pytest.mark.parametrize("kind", list(Kind))
def test_without_data_the_floor_of_the_kind_is_assumed(kind):
    found = between_run(kind, [])
    assert (found.sd, found.assumed) == (MIN_RUN_SD[kind], True)


def test_one_run_an_entry_measures_nothing():
    assert between_run(Kind.CPU, [[0.25], [0.5], [0.1]]) == between_run(Kind.CPU, [])


def test_quiet_runs_of_one_session_never_lower_the_floor():
    quiet = between_run(Kind.CPU, [runs_with_sd(0.001, 5)] * 10)
    assert quiet.sd == MIN_RUN_SD[Kind.CPU]


def test_two_benchmarks_of_five_runs_are_a_measurement():
    assert between_run(Kind.CPU, [runs_with_sd(0.01, 5)]).assumed
    assert not between_run(Kind.CPU, [runs_with_sd(0.01, 5)] * 2).assumed


def test_noisy_runs_raise_the_floor_and_are_not_called_assumed():
    noisy = between_run(Kind.GPU, [runs_with_sd(0.03, 3)])
    assert noisy.sd == pytest.approx(0.03)
    assert not noisy.assumed


def test_the_fewer_blocks_a_run_has_the_more_it_is_taken_to_vary_though_recorded_runs_were_quiet():
    quiet = [runs_with_sd(0.001, 5)] * 10
    sds = [between_run(Kind.CPU, quiet, blocks).sd for blocks in (5, 10, 20, FULL_BLOCKS, 3 * FULL_BLOCKS)]
    assert sds == pytest.approx(
        [8 * sds[3], 4 * sds[3], 2 * sds[3], MIN_RUN_SD[Kind.CPU], MIN_RUN_SD[Kind.CPU]]
    )
    assert between_run(Kind.CPU, quiet, 5).assumed


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(list(Kind)), groups=GROUPS, factor=st.floats(0.1, 10))
def test_only_ratios_of_step_times_matter(kind, groups, factor):
    scaled = [[factor * time for time in group] for group in groups]
    assert between_run(kind, scaled).sd == pytest.approx(between_run(kind, groups).sd)


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(list(Kind)), groups=GROUPS)
def test_never_below_the_floor_of_the_kind(kind, groups):
    assert between_run(kind, groups).sd >= MIN_RUN_SD[kind]


@pytest.mark.parametrize("name", ["resnet50_32px", "busy_neighbour"])
def test_the_floor_of_the_cpu_covers_what_was_recorded_within_and_between_sessions(name):
    between_sessions = statistics.stdev(math.log(time) for time in SESSIONS[name])
    consecutive = [SESSIONS[name][start : start + 3] for start in range(0, 12, 3)]
    assert between_run(Kind.CPU, consecutive).sd == MIN_RUN_SD[Kind.CPU]
    assert between_sessions < math.hypot(1, SESSION_SD_RATIO) * MIN_RUN_SD[Kind.CPU]


def test_a_step_time_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"math domain|expected a positive"):
        between_run(Kind.CPU, [[0.25, 0.0]])
