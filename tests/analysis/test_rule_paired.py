"""The verdict on pairs of runs: what it says, when it says it, and how often it is wrong."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.rules.decision import Confidence
from pytest_accel.analysis.rules.paired import EXPECTED_DOF, judge, precise
from pytest_accel.analysis.rules.policy import PairPolicy
from pytest_accel.analysis.stats import two_sided_quantile
from pytest_accel.records import NeedMore, Outcome, Pair, Run, Steps, Verdict, Workload

POLICY = PairPolicy(tolerance=0.025, min_pairs=4, max_pairs=20, interleaved_sd=0.015, run_sd=0.005)
FEW = settings(max_examples=50, deadline=None)
CHANGES = st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=8)
WORKLOAD = Workload("measure", "python", 32)


def pair(
    change: float, *, noise: float = 0.0, rounds: int = 20, interleaved: bool = True, seed: int = 0
) -> Pair:
    """Steps of 0.1 s in the other environment, and longer by ``change`` here; both slow down for a while."""
    scatter = np.exp(noise * np.random.default_rng(seed).standard_normal((2, rounds)))
    neighbour = np.where(np.arange(rounds) % 7 < 3, 2.0, 1.0)
    now, other = (0.1 * neighbour * side for side in ((1 + change) * scatter[0], scatter[1]))
    return Pair(run(now), run(other), interleaved)


def run(times_s) -> Run:
    return Run(WORKLOAD, Steps(tuple(map(float, times_s)), 1, 1.0, 1.0, 1.0, 1.0, 4), {})


def decided(*changes: float, policy: PairPolicy = POLICY, **kinds) -> Verdict:
    answer = judge([pair(change, **kinds) for change in changes], policy, may_take_more=False)
    assert isinstance(answer, Verdict)
    return answer


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ([0.0] * 4, "passed", "a slowdown above 2.5% is ruled out by 4 pairs of runs: step time changed"),
        ([0.2] * 4, "regressed", "20.0% more time per step than in the other environment (98"),
        ([-0.2] * 4, "improved", "20.0% less time per step than in the other environment (98"),
        ([0.02] * 4, "inconclusive", "4 pairs of runs can neither show nor rule out a slowdown above 2"),
        ([0.02], "inconclusive", "1 pair of runs can neither show nor rule out a slowdown above 2.5%"),
    ],
)  # fmt: skip
def test_each_outcome_has_its_reason(changes, outcome, reason):
    verdict = decided(*changes)
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(reason)


def test_what_is_undecided_says_what_it_could_have_seen_and_the_way_out():
    reason = decided(0.02, 0.02, 0.02).reason
    assert "the smallest slowdown this could have seen is 3.5%" in reason
    assert reason.endswith("a larger --accel-budget or a quieter machine narrows it")


def test_a_neighbour_that_slows_both_sides_changes_nothing():
    (comparison,) = decided(0.1, 0.1, 0.1).comparisons
    assert comparison.change == pytest.approx(0.1)
    assert comparison.now == pytest.approx(0.11)
    assert comparison.now / comparison.baseline == pytest.approx(1.1)


def test_a_neighbour_that_spoils_a_few_rounds_of_one_side_changes_little():
    spoilt = pair(0.0)
    times_s = list(spoilt.candidate.steps.step_times_s)
    times_s[3:6] = [1.0, 1.0, 1.0]
    spoilt = dataclasses.replace(spoilt, candidate=run(times_s))
    verdict = judge([spoilt] * 4, POLICY, may_take_more=False)
    assert verdict.comparisons[0].change == pytest.approx(0.0)


@FEW
@given(changes=CHANGES)
def test_the_interval_holds_the_change_and_the_outcome_follows_from_it(changes):
    (comparison,) = decided(*changes).comparisons
    low, high = comparison.interval
    assert low <= comparison.change <= high
    match comparison.outcome:
        case Outcome.REGRESSED:
            assert low > 0
            assert comparison.change > POLICY.tolerance
        case Outcome.IMPROVED:
            assert high < 0
            assert comparison.change < -POLICY.tolerance / (1 + POLICY.tolerance)
        case Outcome.PASSED:
            assert high <= POLICY.tolerance
        case outcome:
            assert outcome is Outcome.INCONCLUSIVE
            assert high > POLICY.tolerance


@FEW
@given(changes=CHANGES)
def test_the_two_environments_mirror_each_other(changes):
    there = [pair(change) for change in changes]
    back = [Pair(each.reference, each.candidate, interleaved=True) for each in there]
    forward, backward = (judge(pairs, POLICY, may_take_more=False).comparisons[0] for pairs in (there, back))
    assert math.log1p(backward.change) == pytest.approx(-math.log1p(forward.change), abs=1e-9)
    assert (forward.outcome is Outcome.REGRESSED) == (backward.outcome is Outcome.IMPROVED)


def test_pairs_that_scatter_more_than_their_rounds_explain_widen_the_interval():
    low, high = decided(0.0, 0.0, 0.0).comparisons[0].interval
    wider = decided(-0.06, 0.0, 0.06).comparisons[0].interval
    assert wider[0] < 2 * low
    assert wider[1] > 2 * high


@pytest.mark.parametrize("interleaved", [True, False])
def test_the_declared_variation_between_pairs_counts_beside_what_was_seen(interleaved):
    policy = dataclasses.replace(POLICY, interleaved_sd=0.03, run_sd=0.03 / math.sqrt(2))
    verdict = decided(0.0, 0.0, 0.0, policy=policy, interleaved=interleaved, rounds=40)
    low, high = verdict.comparisons[0].interval
    quantile = two_sided_quantile(policy.confidence_of_each.passing, EXPECTED_DOF + 2)
    sd = 0.03 * math.sqrt(EXPECTED_DOF / (EXPECTED_DOF + 2))  # of 6 degrees of freedom, 2 saw none
    assert math.log1p(high) == pytest.approx(quantile * sd / math.sqrt(3), rel=1e-3)
    assert math.log1p(low) == pytest.approx(-math.log1p(high))


def test_whole_processes_of_few_blocks_are_taken_to_vary_more():
    full, few = (
        decided(0.0, 0.0, 0.0, interleaved=False, rounds=rounds).comparisons[0].interval
        for rounds in (40, 10)
    )
    assert math.log1p(few[1]) == pytest.approx(4 * math.log1p(full[1]))


def test_whole_processes_in_turn_compare_by_their_fastest_blocks():
    now, other = run([0.5, 0.11, 0.4]), run([0.1, 0.9, 0.9])
    (comparison,) = judge([Pair(now, other, interleaved=False)] * 3, POLICY, may_take_more=False).comparisons
    assert comparison.change == pytest.approx(0.1)


@pytest.mark.parametrize(("count", "planned"), [(1, 4), (3, 4), (5, 6), (13, 14), (15, 20)])
def test_between_planned_evaluations_nothing_is_decided(count, planned):
    answer = judge([pair(0.2)] * count, POLICY, may_take_more=True)
    assert isinstance(answer, NeedMore)
    assert answer.reason.endswith(f"measured, and the next evaluation is after {planned}")
    assert judge([pair(0.2)] * planned, POLICY, may_take_more=True).outcome is Outcome.REGRESSED


@pytest.mark.parametrize(
    ("at_least", "looks"), [(4, (4, 6, 9, 14, 20)), (7, (7, 9, 14, 20)), (20, (20,)), (30, (30,))]
)
def test_a_session_may_ask_for_more_pairs_before_the_first_evaluation(at_least, looks):
    policy = dataclasses.replace(POLICY, min_pairs=at_least, max_pairs=max(20, at_least))
    assert policy.looks == looks


@pytest.mark.parametrize("at_least", [4, 5, 7, 10, 13, 18, 20])
def test_all_evaluations_together_keep_to_the_allowed_errors(at_least):
    """Drawn: means of the first pairs of 200,000 comparisons, in units of their standard errors."""
    policy = dataclasses.replace(POLICY, min_pairs=at_least)
    looks = np.array(policy.looks)
    draws = np.random.default_rng(1).standard_normal((200_000, 20)).cumsum(1)[:, looks - 1] / np.sqrt(looks)
    each, normal = policy.confidence_of_each, NormalDist()
    for level, values, allowed in (
        (each.passing, draws.max(1), 0.025),
        (each.change, np.abs(draws).max(1), 0.01),
    ):
        wrong = float((values > normal.inv_cdf((1 + level) / 2)).mean())
        assert wrong <= allowed + 3 * math.sqrt(allowed / len(draws))
        assert wrong > 0.6 * allowed, "sharper than it must be"


def test_a_slowdown_of_just_the_tolerance_passes_one_time_in_40_over_all_evaluations():
    """500 comparisons, in which pairs differ by what is declared: at most 2.5%, and chance."""
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(500):
        changes = np.expm1(math.log1p(POLICY.tolerance) + POLICY.interleaved_sd * rng.standard_normal(20))
        pairs = [pair(float(change), rounds=5) for change in changes]
        for count in POLICY.looks:
            answer = judge(pairs[:count], POLICY, may_take_more=count < POLICY.max_pairs)
            if isinstance(answer, Verdict):
                passed += answer.outcome is Outcome.PASSED
                break
    assert passed <= 500 * 0.025 + 3 * math.sqrt(500 * 0.025)


def test_with_many_benchmarks_a_change_has_to_be_surer():
    strict = dataclasses.replace(POLICY, confidence=Confidence(change=1 - 0.01 / 100))
    assert decided(*[0.028] * 4).outcome is Outcome.REGRESSED
    assert decided(*[0.028] * 4, policy=strict).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("may_take_more", [True, False])
def test_a_change_needs_the_confidence_of_one_of_several_evaluations(may_take_more):
    """At 4 pairs and 1.5% between them, 99% is 2.0% to each side, and the 99.73% of each evaluation 2.6%."""
    policy = dataclasses.replace(POLICY, tolerance=0.015)
    weak = judge([pair(0.022)] * 4, policy, may_take_more=may_take_more)
    assert isinstance(weak, NeedMore) if may_take_more else weak.outcome is Outcome.INCONCLUSIVE
    clear = judge([pair(0.027)] * 4, policy, may_take_more=may_take_more)
    assert clear.outcome is Outcome.REGRESSED


def test_without_a_pair_there_is_nothing_to_judge():
    with pytest.raises(ValueError, match="at least one pair"):
        judge([], POLICY, may_take_more=False)


def times(one: Pair):
    return one.candidate.steps.step_times_s, one.reference.steps.step_times_s


def test_rounds_end_when_they_agree_or_when_the_change_is_clear_and_not_before():
    assert precise(*times(pair(0.0)), POLICY)
    assert not precise(*times(pair(0.0, rounds=9)), POLICY)
    assert not precise(*times(pair(0.0, noise=0.07)), POLICY)
    assert not precise(*times(pair(0.05, noise=0.07)), POLICY)
    assert precise(*times(pair(0.4, noise=0.07)), POLICY)
    assert precise(*times(pair(-0.4, noise=0.07)), POLICY)


@pytest.mark.slow
@pytest.mark.parametrize(
    "between", [0.01, 0.02], ids=["less between pairs than declared", "more between pairs than declared"]
)
def test_the_promise_holds_for_simulated_pairs(between):
    """500 comparisons each, of rounds that scatter by 7%: at most 1% wrong, and 5% slower found."""
    rng = np.random.default_rng(7)

    def outcome(change: float) -> Outcome:
        pairs: list[Pair] = []
        while True:
            drawn = math.expm1(math.log1p(change) + between * rng.standard_normal())
            pairs.append(pair(drawn, noise=0.05, rounds=22, seed=int(rng.integers(2**32))))
            answer = judge(pairs, POLICY, may_take_more=len(pairs) < POLICY.max_pairs)
            if isinstance(answer, Verdict):
                return answer.outcome

    unchanged = [outcome(0.0) for _ in range(500)]
    slower = [outcome(0.05) for _ in range(500)]
    assert sum(one in (Outcome.REGRESSED, Outcome.IMPROVED) for one in unchanged) <= 5
    assert unchanged.count(Outcome.INCONCLUSIVE) <= 50
    assert slower.count(Outcome.REGRESSED) >= 475
    assert slower.count(Outcome.PASSED) <= 5
