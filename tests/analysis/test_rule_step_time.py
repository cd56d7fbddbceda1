"""The verdict on step time: what it says, when it says it, and how often it is wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.step_time_runs import POLICY, runs

from pytest_accel.analysis.rules.decision import Confidence
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.step_time import compare, judge
from pytest_accel.records import NeedMore, Outcome, Verdict

SESSIONS = json.loads((Path(__file__).parents[1] / "data" / "noise_sessions.json").read_text())
FEW = settings(max_examples=60, deadline=None)
TIMES = st.lists(st.floats(0.2, 0.3), min_size=1, max_size=5)
POLICIES = st.builds(
    Policy,
    tolerance=st.floats(0.001, 0.3),
    min_runs=st.integers(1, 3),
    max_runs=st.integers(3, 6),
    expected_sd=st.floats(0.001, 0.05),
    assumed=st.booleans(),
)


def verdict(now: Iterable[float], reference: Iterable[float], policy: Policy = POLICY) -> Verdict:
    """Of these runs as one sample."""
    return compare(runs(now), runs(reference), policy)


def policy(**changes: object) -> Policy:
    return dataclasses.replace(POLICY, **changes)


class TestWhatItSays:
    """The reason names size, tolerance and, where there is something to do, what to do."""

    def test_regressed(self):
        found = verdict([0.11, 0.1105, 0.1103], [0.1, 0.1, 0.1])
        assert found.outcome is Outcome.REGRESSED
        assert found.reason == (
            "10.3% more time per step than the baseline (95% interval +3.9% to +17.0%), "
            "above the tolerance of 4%"
        )

    def test_passed(self):
        found = verdict([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], policy(tolerance=0.1))
        assert found.outcome is Outcome.PASSED
        assert found.reason == (
            "a slowdown above 10% is ruled out: step time changed by +0.0% (95% interval -5.7% to +6.1%)"
        )

    def test_improved_says_how_to_update_the_baseline(self):
        found = verdict([0.09] * 3, [0.1] * 3)
        assert found.outcome is Outcome.IMPROVED
        assert found.reason == (
            "10.0% less time per step than the baseline (95% interval -15.2% to -4.5%), "
            "beyond the tolerance of 4%: update the baseline with --accel-update-baselines"
        )

    def test_inconclusive_says_the_smallest_change_it_could_have_seen(self):
        found = verdict([0.103] * 3, [0.1] * 3, policy(tolerance=0.06))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.reason == (
            "3 runs can neither show nor rule out a slowdown above 6%: step time changed by +3.0% "
            "(95% interval -2.9% to +9.3%), and the smallest slowdown this could have seen is 9.0%; "
            "more runs, here and in the baseline, narrow it (--accel-runs=6)"
        )

    def test_where_more_runs_would_not_help_it_names_what_does(self):
        found = verdict([0.103] * 3, [0.1] * 3, policy(tolerance=0.035))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.reason.endswith(
            "; sessions on this machine differ too much for that, however many runs they have: compare side "
            "by side with --accel-against, or set a wider --accel-tolerance"
        )

    @FEW
    @given(tolerance=st.floats(0.001, 0.2), sd=st.floats(0.001, 0.05))
    def test_more_runs_are_advised_where_a_thousand_would_pass_and_only_there(self, tolerance, sd):
        decide = policy(tolerance=tolerance, expected_sd=sd)
        few = verdict([0.1], [0.1], decide)
        assume(few.outcome is Outcome.INCONCLUSIVE)
        many = verdict([0.1] * 1000, [0.1] * 1000, decide)
        advised = "--accel-runs=" in few.reason
        narrow = many.comparisons[0].interval[1] / tolerance
        assume(not 0.98 < narrow < 1.02)  # a thousand runs are not quite infinitely many
        assert advised == (narrow < 1)

    def test_a_benchmark_that_varies_more_than_expected_is_named_with_both_figures(self):
        found = verdict([0.1, 0.12, 0.11], [0.1, 0.11, 0.1], policy(assumed=True))
        assert found.outcome is Outcome.INCONCLUSIVE
        figures = "(the runs of this benchmark differ by a standard deviation of 7.53%, where 2% is expected)"
        assert figures in found.reason
        assert figures in found.cause

    def test_its_intervals_are_wider_than_those_of_one_that_does_not(self):
        widths = [
            high - low
            for now in ([0.1, 0.1, 0.1], [0.09, 0.1, 0.11])
            for low, high in [verdict(now, [0.1] * 3).comparisons[0].interval]
        ]
        assert widths[1] > 1.5 * widths[0]

    def test_runs_of_earlier_baselines_count_towards_its_variation(self):
        earlier = policy(earlier_s=((0.08, 0.1, 0.12),))
        assert "differ by a standard deviation" in verdict([0.103] * 3, [0.1] * 3, earlier).reason

    def test_a_change_that_may_be_chance_is_no_regression_though_its_interval_lies_above_zero(self):
        found = verdict([0.107] * 3, [0.1] * 3)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.comparisons[0].interval[0] > 0
        assert "the smallest slowdown this could have seen is 9.0%" in found.reason

    def test_what_it_could_have_seen_is_what_it_would_have_called_a_regression(self):
        assert verdict([0.1 * 1.0905] * 3, [0.1] * 3).outcome is Outcome.REGRESSED
        assert verdict([0.1 * 1.0895] * 3, [0.1] * 3).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("now", [0.103, 0.2])
    def test_an_assumed_spread_is_named_with_the_way_to_measure_it(self, now):
        found = verdict([now], [0.1], policy(assumed=True))
        assert found.outcome in (Outcome.INCONCLUSIVE, Outcome.REGRESSED)
        assert found.reason.endswith(
            " (a standard deviation of 2% between runs is assumed: `pytest-accel calibrate` measures it)"
        )

    @pytest.mark.parametrize("now", [0.103, 0.2])
    def test_runs_of_few_blocks_are_named_with_the_way_to_have_more(self, now):
        found = compare(runs([now], blocks=20), runs([0.1]), policy(assumed=True))
        assert found.outcome in (Outcome.INCONCLUSIVE, Outcome.REGRESSED)
        assert found.reason.endswith(
            " (a standard deviation of 2% between runs is assumed, since the shortest has only 20 blocks of "
            "steps: a larger --accel-budget gives it more)"
        )
        if found.outcome is Outcome.INCONCLUSIVE:
            assert "; longer runs, here and in the baseline, narrow it (40 blocks or more) (a" in found.reason
            assert found.next_step.purpose.endswith("on the code that the baseline was recorded from")

    @pytest.mark.parametrize("now", [0.05, 0.1])
    def test_an_assumed_spread_is_not_mentioned_where_nothing_is_wrong(self, now):
        found = verdict([now], [0.1], policy(assumed=True, tolerance=0.2))
        assert found.outcome in (Outcome.IMPROVED, Outcome.PASSED)
        assert "assumed" not in found.reason

    def test_the_comparison_carries_the_numbers(self):
        (comparison,) = verdict([0.11, 0.11], [0.1, 0.1]).comparisons
        assert comparison.metric == "step_time_s"
        assert comparison.direction == "lower_is_better"
        assert comparison.baseline == pytest.approx(0.1)
        assert comparison.now == pytest.approx(0.11)
        assert comparison.change == pytest.approx(0.1)
        assert comparison.confidence == 0.95
        assert comparison.tolerance == 0.04


class TestAnotherRun:
    """It is asked for while it could decide, and only then."""

    def test_below_the_planned_number_of_runs(self):
        answer = judge(runs([0.2]), runs([0.1]), policy(min_runs=3), may_take_more=True)
        assert answer == NeedMore("1 of at least 3 runs measured")

    def test_not_once_a_slowdown_is_ruled_out(self):
        assert isinstance(
            judge(runs([0.1]), runs([0.1] * 3), policy(tolerance=0.1), may_take_more=True), Verdict
        )

    @pytest.mark.parametrize(("now", "outcome"), [(0.2, Outcome.REGRESSED), (0.05, Outcome.IMPROVED)])
    @pytest.mark.parametrize("before", [1, 2])
    def test_a_change_is_confirmed_by_later_runs(self, now, outcome, before):
        decide = policy(min_runs=before, pause_s=60.0)
        first = judge(runs([now] * before), runs([0.1]), decide, may_take_more=True)
        assert isinstance(first, NeedMore)
        assert first.reason.endswith("later runs have to confirm it")
        assert first.pause_s == 60.0
        second = judge(runs([now] * (before + 1)), runs([0.1]), decide, may_take_more=True)
        assert isinstance(second, NeedMore)
        assert second.pause_s == 0.0
        last = judge(runs([now] * (before + 2)), runs([0.1]), decide, may_take_more=True)
        assert isinstance(last, Verdict)
        assert last.outcome is outcome

    @pytest.mark.parametrize("spell", [0.13, 0.2, 1.0])
    def test_a_spell_that_is_over_minutes_later_fails_nothing(self, spell):
        """However slow the runs within it were: the later ones alone decide."""
        answer = judge(runs([spell, 0.1, 0.1]), runs([0.1] * 3), policy(tolerance=0.1), may_take_more=True)
        assert isinstance(answer, Verdict)
        assert answer.outcome is Outcome.PASSED

    def test_later_runs_that_are_too_few_by_themselves_confirm_together_with_the_first(self):
        reference, decide = runs([0.1] * 3), policy(tolerance=0.04)
        assert compare(runs([0.109] * 2), reference, decide).outcome is Outcome.INCONCLUSIVE
        answer = judge(runs([0.115, 0.109, 0.109]), reference, decide, may_take_more=True)
        assert answer.outcome is Outcome.REGRESSED
        answer = judge(runs([0.13, 0.1035, 0.1035]), reference, decide, may_take_more=True)
        assert answer.outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("times", [[0.2, 0.1, 0.2], [0.2, 0.2, 0.1]])
    def test_a_program_that_is_slow_in_half_of_its_processes_does_not_pass(self, times):
        answer = judge(runs(times), runs([0.1] * 3), policy(tolerance=0.1), may_take_more=True)
        assert isinstance(answer, Verdict)
        assert answer.outcome is not Outcome.PASSED

    @pytest.mark.parametrize("times", [[0.08, 0.12, 0.12], [0.125, 0.085, 0.085]])
    def test_later_runs_that_show_the_opposite_confirm_nothing(self, times):
        answer = judge(runs(times), runs([0.1] * 3), policy(tolerance=0.04), may_take_more=True)
        assert isinstance(answer, Verdict)
        assert answer.outcome is Outcome.INCONCLUSIVE
        assert "after 1 run step time changed by" in answer.reason
        assert answer.reason.endswith(": run it again")

    def test_a_change_that_nothing_could_confirm_is_inconclusive(self):
        answer = judge(runs([0.2]), runs([0.1]), POLICY, may_take_more=False)
        assert answer.outcome is Outcome.INCONCLUSIVE
        assert answer.comparisons[0].outcome is Outcome.INCONCLUSIVE
        assert "no later run could confirm it: a larger --accel-session-budget allows more" in answer.reason

    def test_with_many_benchmarks_a_change_has_to_be_surer(self):
        """Of 100 benchmarks one in 10,000 may be called changed by chance."""
        decide = policy(tolerance=0.04)
        now, reference = runs([0.11] * 3), runs([0.1] * 3)
        assert compare(now, reference, decide).outcome is Outcome.REGRESSED
        strict = dataclasses.replace(decide, confidence=Confidence(change=1 - 0.01 / 100))
        assert compare(now, reference, strict).outcome is Outcome.INCONCLUSIVE

    def test_one_disturbed_run_fails_nothing(self):
        answer = judge(runs([0.11, 0.1, 0.1]), runs([0.1] * 5), policy(tolerance=0.04), may_take_more=True)
        assert isinstance(answer, Verdict)
        assert answer.outcome is not Outcome.REGRESSED

    def test_while_it_could_decide(self):
        answer = judge(runs([0.103]), runs([0.1]), policy(tolerance=0.1), may_take_more=True)
        assert isinstance(answer, NeedMore)
        assert answer.reason.startswith("after 1 run step time changed by +3.0%")

    def test_not_where_no_further_run_could_decide(self):
        answer = judge(runs([0.103]), runs([0.1]), policy(tolerance=0.001), may_take_more=True)
        assert isinstance(answer, Verdict)
        assert answer.outcome is Outcome.INCONCLUSIVE

    def test_not_after_the_last_planned_look(self):
        answer = judge(runs([0.103] * 3), runs([0.1] * 3), POLICY, may_take_more=True)
        assert isinstance(answer, Verdict)

    @FEW
    @given(
        now=st.lists(st.floats(0.248, 0.252), min_size=1, max_size=2),
        max_runs=st.integers(3, 6),
        tolerance=st.floats(0.001, 0.03),
    )
    def test_giving_up_early_is_right(self, now, max_runs, tolerance):
        """Further runs, 2.5 standard deviations from these ones, would not have decided either."""
        reference, decide = [0.25] * 3, policy(max_runs=max_runs, tolerance=tolerance)
        assume(isinstance(judge(runs(now), runs(reference), decide, may_take_more=True), Verdict))
        missing = max_runs - len(now)
        scatter = decide.expected_sd * math.sqrt(1 / missing + 1 / len(now))
        for shift in (-2.5, 0, 2.5):
            further = [statistics.geometric_mean(now) * math.exp(shift * scatter)] * missing
            assert verdict(now + further, reference, decide).outcome is Outcome.INCONCLUSIVE


class TestProperties:
    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES)
    def test_the_outcome_follows_from_the_numbers_shown(self, now, reference, policy):
        found = verdict(now, reference, policy)
        (comparison,) = found.comparisons
        low, high = comparison.interval
        assert low <= comparison.change <= high
        assert found.outcome is comparison.outcome
        if found.outcome is Outcome.REGRESSED:
            assert low > 0
            assert comparison.change > policy.tolerance
        elif found.outcome is Outcome.IMPROVED:
            assert high < 0
            assert 1 / (1 + comparison.change) > 1 + policy.tolerance
        elif found.outcome is Outcome.PASSED:
            assert high <= policy.tolerance
        else:
            assert found.outcome is Outcome.INCONCLUSIVE
            assert high > policy.tolerance

    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES)
    def test_swapping_now_and_baseline_mirrors_the_change(self, now, reference, policy):
        (there,) = verdict(now, reference, policy).comparisons
        (back,) = verdict(reference, now, policy).comparisons
        assert math.log1p(back.change) == pytest.approx(-math.log1p(there.change), abs=1e-9)
        assert math.log1p(back.interval[0]) == pytest.approx(-math.log1p(there.interval[1]), abs=1e-9)

    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES, factor=st.sampled_from([0.001, 0.5, 64.0]))
    def test_the_unit_of_time_does_not_matter(self, now, reference, policy, factor):
        (plain,) = verdict(now, reference, policy).comparisons
        (scaled,) = verdict(
            [factor * time for time in now], [factor * time for time in reference], policy
        ).comparisons
        assert scaled.now == pytest.approx(factor * plain.now)
        assert scaled.change == pytest.approx(plain.change, abs=1e-9)
        assert scaled.interval == pytest.approx(plain.interval, abs=1e-9)

    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES, slowdown=st.floats(1, 2))
    def test_a_slower_program_is_never_judged_better(self, now, reference, policy, slowdown):
        order = [Outcome.IMPROVED, Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.REGRESSED]
        before = verdict(now, reference, policy).outcome
        after = verdict([slowdown * time for time in now], reference, policy).outcome
        assert order.index(after) >= order.index(before)

    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES, wider=st.floats(1, 5))
    def test_a_larger_tolerance_never_turns_a_pass_into_a_regression(self, now, reference, policy, wider):
        before = verdict(now, reference, policy).outcome
        after = verdict(
            now, reference, dataclasses.replace(policy, tolerance=wider * policy.tolerance)
        ).outcome
        assert not (before is Outcome.PASSED and after is Outcome.REGRESSED)
        assert after is not Outcome.REGRESSED or before is Outcome.REGRESSED

    @FEW
    @given(now=TIMES, reference=TIMES, policy=POLICIES)
    def test_asking_for_more_only_delays_what_is_undecided(self, now, reference, policy):
        asked = judge(runs(now), runs(reference), policy, may_take_more=True)
        final = judge(runs(now), runs(reference), policy, may_take_more=False)
        assert asked == final or isinstance(asked, NeedMore)
        if isinstance(asked, NeedMore) and len(now) >= policy.min_runs:
            assert final.outcome is not Outcome.PASSED or len(now) > policy.min_runs

    @pytest.mark.parametrize(("now", "reference"), [([], [0.1]), ([0.1], []), ([], [])])
    @pytest.mark.parametrize("may_take_more", [True, False])
    def test_no_run_on_either_side_is_an_error(self, now, reference, may_take_more):
        with pytest.raises(ValueError, match="at least one run now and one in the baseline"):
            judge(runs(now), runs(reference), POLICY, may_take_more=may_take_more)
