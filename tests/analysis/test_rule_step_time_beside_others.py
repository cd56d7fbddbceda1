"""The verdict on step time beside other programs: a disturbed run is evidence for a pass only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from support.step_time_runs import POLICY, runs

from pytest_accel.analysis.rules.step_time import compare, judge
from pytest_accel.records import Conditions, NeedMore, Outcome, Steps


def disturbed(times: Iterable[float]) -> list[Steps]:
    return [
        dataclasses.replace(
            run,
            others_share=(1.0,) * len(run.step_times_s),
            conditions=Conditions(other_programs=("python3 (pid 1234)",)),
        )
        for run in runs(times)
    ]


def test_a_fast_run_passes():
    found = compare(disturbed([0.1]), runs([0.1] * 3), dataclasses.replace(POLICY, tolerance=0.1))
    assert found.outcome is Outcome.PASSED


@pytest.mark.parametrize(("now", "outcome"), [(0.2, Outcome.INCONCLUSIVE), (0.05, Outcome.PASSED)])
def test_no_change_is_seen_in_it(now, outcome):
    """One that is much faster all the same is not a slowdown."""
    found = compare(disturbed([now] * 3), runs([0.1] * 3), POLICY)
    assert found.outcome is outcome
    assert [each.outcome for each in found.comparisons] == [outcome]


def test_by_a_disturbed_baseline_a_faster_run_is_undecided():
    found = compare(runs([0.05] * 3), disturbed([0.1] * 3), POLICY)
    assert found.outcome is Outcome.INCONCLUSIVE


def test_the_reason_says_who_it_was_and_what_to_do():
    found = compare(disturbed([0.2]), runs([0.1] * 3), POLICY)
    assert found.reason == (
        "other programs used the CPU during 40 of 40 blocks (python3 (pid 1234)), so a change cannot be "
        "confirmed: stop them, use a quieter machine, or compare side by side with --accel-against"
    )


def test_runs_that_were_not_disturbed_decide_alone():
    now = [*disturbed([0.3]), *runs([0.2] * 2)]
    (comparison,) = compare(now, runs([0.1] * 3), POLICY).comparisons
    assert comparison.outcome is Outcome.REGRESSED
    assert comparison.now == pytest.approx(0.2)


def test_a_baseline_that_was_disturbed_shows_no_change():
    found = compare(runs([0.2] * 3), disturbed([0.1] * 3), POLICY)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith(
        "when the baseline was recorded, other programs used the CPU during 120 of"
    )


def test_another_run_may_find_a_quiet_machine():
    answer = judge(disturbed([0.2]), runs([0.1] * 3), POLICY, may_take_more=True)
    assert isinstance(answer, NeedMore)
