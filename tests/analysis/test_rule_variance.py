"""How much an unchanged program is taken to vary between runs."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.rules.variance import (
    EXPECTED_DOF,
    FULL_BLOCKS,
    MIN_RUN_SD,
    SESSION_SD_RATIO,
    expected_variation,
    moderated,
)
from pytest_accel.records import Kind

SESSIONS = json.loads((Path(__file__).parents[1] / "data" / "noise_sessions.json").read_text())
GROUPS = st.lists(st.lists(st.floats(0.1, 10), max_size=5), max_size=5)
OTHERS = st.lists(GROUPS, max_size=5)


def runs_with_sd(sd: float, runs: int) -> list[float]:
    """Step times whose logarithms have exactly this standard deviation."""
    spread = [index - (runs - 1) / 2 for index in range(runs)]
    return [0.25 * math.exp(sd * offset / statistics.stdev(spread)) for offset in spread]


def benchmarks_with_sd(*sds: float, runs: int = 3) -> list[list[list[float]]]:
    """One benchmark for each, with one accepted entry."""
    return [[runs_with_sd(sd, runs)] for sd in sds]


class TestExpected:
    @pytest.mark.parametrize("kind", list(Kind))
    def test_without_data_the_floor_of_the_kind_is_assumed(self, kind):
        found = expected_variation(kind, [])
        assert (found.sd, found.assumed) == (MIN_RUN_SD[kind], True)

    def test_one_run_per_entry_measures_nothing(self):
        one_each = [[[0.25]], [[0.5], [0.1]]]
        assert expected_variation(Kind.CPU, one_each) == expected_variation(Kind.CPU, [])

    def test_quiet_benchmarks_never_lower_the_floor(self):
        quiet = expected_variation(Kind.CPU, benchmarks_with_sd(*[0.001] * 10))
        assert quiet.sd == MIN_RUN_SD[Kind.CPU]

    def test_two_benchmarks_of_five_runs_are_a_measurement(self):
        assert expected_variation(Kind.CPU, benchmarks_with_sd(0.01, runs=5)).assumed
        assert not expected_variation(Kind.CPU, benchmarks_with_sd(0.01, 0.01, runs=5)).assumed

    def test_one_benchmark_that_varies_says_nothing_about_the_others(self):
        for others in ([0.08], [0.08, 0.01], [0.08, 0.01, 0.01]):
            assert expected_variation(Kind.CPU, benchmarks_with_sd(*others)).sd == MIN_RUN_SD[Kind.CPU]

    def test_where_most_benchmarks_vary_it_is_the_machine(self):
        found = expected_variation(Kind.CPU, benchmarks_with_sd(0.05, 0.01, 0.05, 0.05))
        assert found.sd == pytest.approx(0.05 / math.sqrt(math.log(2)))
        assert not found.assumed

    def test_many_benchmarks_of_one_noise_show_its_size(self):
        rng = np.random.default_rng(0)
        others = [[np.exp(0.05 * rng.standard_normal(3)).tolist()] for _ in range(300)]
        assert expected_variation(Kind.CPU, others).sd == pytest.approx(0.05, rel=0.15)

    def test_the_fewer_blocks_a_run_has_the_more_it_varies_though_recorded_runs_were_quiet(self):
        quiet = benchmarks_with_sd(*[0.001] * 10)
        sds = [
            expected_variation(Kind.CPU, quiet, blocks).sd
            for blocks in (5, 10, 20, FULL_BLOCKS, 3 * FULL_BLOCKS)
        ]
        assert sds == pytest.approx(
            [8 * sds[3], 4 * sds[3], 2 * sds[3], MIN_RUN_SD[Kind.CPU], MIN_RUN_SD[Kind.CPU]]
        )
        assert expected_variation(Kind.CPU, quiet, 5).assumed

    def test_a_calibrated_figure_takes_the_place_of_the_floor(self):
        found = expected_variation(Kind.CPU, [], calibrated_sd=0.004)
        assert (found.sd, found.assumed) == (0.004, False)

    @settings(max_examples=50, deadline=None)
    @given(kind=st.sampled_from(list(Kind)), others=OTHERS, factor=st.floats(0.1, 10))
    def test_only_ratios_of_step_times_matter(self, kind, others, factor):
        scaled = [[[factor * time for time in group] for group in groups] for groups in others]
        plain = expected_variation(kind, others)
        assert expected_variation(kind, scaled).sd == pytest.approx(plain.sd)

    @settings(max_examples=50, deadline=None)
    @given(kind=st.sampled_from(list(Kind)), others=OTHERS)
    def test_never_below_the_floor_of_the_kind(self, kind, others):
        assert expected_variation(kind, others).sd >= MIN_RUN_SD[kind]


class TestModerated:
    def test_without_runs_of_its_own_a_benchmark_varies_as_expected(self):
        assert moderated(0.02, [[0.25]]) == (pytest.approx(0.02), EXPECTED_DOF)

    def test_runs_that_vary_as_expected_make_it_surer(self):
        assert moderated(0.02, [runs_with_sd(0.02, 5)]) == (pytest.approx(0.02), EXPECTED_DOF + 4)

    def test_a_benchmark_that_varies_is_taken_to_vary(self):
        sd, dof = moderated(0.02, [runs_with_sd(0.08, 3), runs_with_sd(0.08, 3)])
        assert sd == pytest.approx(math.sqrt((4 * 0.02**2 + 4 * 0.08**2) / 8))
        assert dof == EXPECTED_DOF + 4

    @settings(max_examples=50, deadline=None)
    @given(groups=GROUPS, sd=st.floats(0.001, 0.1), factor=st.floats(0.1, 10))
    def test_only_ratios_of_step_times_matter(self, groups, sd, factor):
        scaled = [[factor * time for time in group] for group in groups]
        assert moderated(sd, scaled)[0] == pytest.approx(moderated(sd, groups)[0])

    def test_a_step_time_of_zero_is_refused(self):
        with pytest.raises(ValueError, match=r"math domain|expected a positive"):
            moderated(0.02, [[0.25, 0.0]])


@pytest.mark.parametrize("name", ["resnet50_32px", "busy_neighbour"])
def test_the_floor_of_the_cpu_covers_what_was_recorded_within_and_between_sessions(name):
    between_sessions = statistics.stdev(math.log(time) for time in SESSIONS[name])
    consecutive = [SESSIONS[name][start : start + 3] for start in range(0, 12, 3)]
    sd, _ = moderated(MIN_RUN_SD[Kind.CPU], consecutive)
    assert sd <= MIN_RUN_SD[Kind.CPU]
    assert between_sessions < math.hypot(1, SESSION_SD_RATIO) * MIN_RUN_SD[Kind.CPU]
