"""The loop: how many runs are taken, and what they are judged against."""

from __future__ import annotations

import pytest

from pytest_accel.gate import sampling_loop
from pytest_accel.records import NeedMore, Outcome, Run, Steps, Verdict, Workload

PASSED = Verdict(Outcome.PASSED, "no change")


def steps(*times_s: float, steps_per_block: int = 1) -> Steps:
    return Steps(times_s, steps_per_block, 1.0, 1.0, 1.0, 1.0, 4)


def run(*times_s: float) -> Run:
    return Run(Workload("measure", "python", 32), steps(*times_s), {})


class Sampler:
    min_samples = 1

    """Gives runs of two blocks of 1 s."""

    def __init__(self) -> None:
        self.taken = 0

    def next(self) -> Run:
        self.taken += 1
        return run(1.0, 1.0)


def decide(judge, most=3, on_progress=lambda _so_far: None):
    sampler = Sampler()
    first = sampling_loop.collect(sampler, lambda _: 1)
    verdict, seen = sampling_loop.decide(first, sampler, judge, lambda seen: len(seen) < most, on_progress)
    assert len(seen) == sampler.taken
    return verdict, len(seen)


def test_so_many_runs_are_collected_as_asked_for():
    assert len(sampling_loop.collect(Sampler(), lambda _: 3)) == 3


@pytest.mark.parametrize(("count", "min_samples", "before"), [(3, 1, [2]), (1, 4, [3]), (1, 1, [])])
def test_something_may_happen_before_the_last_run(count, min_samples, before):
    sampler, seen = Sampler(), []
    sampler.min_samples = min_samples
    sampling_loop.collect(sampler, lambda _: count, lambda runs, _elapsed_s: seen.append(len(runs)))
    assert seen == before


def test_a_rule_that_decides_takes_no_further_run():
    assert decide(lambda seen, more: PASSED) == (PASSED, 1)


def test_runs_are_added_until_the_rule_decides():
    def judge(seen, more):
        return NeedMore("undecided") if more and len(seen) < 2 else PASSED

    assert decide(judge) == (PASSED, 2)


def test_it_tells_what_the_runs_so_far_would_come_to():
    on_progress = []

    def judge(seen, more):
        return NeedMore("undecided") if more else Verdict(Outcome.PASSED, f"after {len(seen)}")

    assert decide(judge, on_progress=on_progress.append)[0].reason == "after 3"
    assert [verdict.reason for verdict in on_progress] == ["after 1", "after 2"]


def test_the_rule_must_decide_after_the_most_runs():
    assert decide(lambda seen, more: NeedMore("undecided") if more else PASSED) == (PASSED, 3)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_what_is_not_affordable_is_not_asked_for(most):
    assert decide(lambda seen, more: NeedMore("undecided") if more else PASSED, most) == (PASSED, most)


def test_the_budget_counts_every_step_of_a_block():
    long = Run(Workload("measure", "python", 32), steps(0.5, 0.5, steps_per_block=4), {})
    assert sampling_loop.steady_state_s([long, run(1.0)]) == 5.0


def test_a_rule_that_never_decides_does_not_loop_for_ever():
    with pytest.raises(AssertionError, match="must reach a verdict"):
        decide(lambda seen, more: NeedMore("undecided"))


def test_a_run_that_is_to_come_later_is_waited_for():
    paused = []

    def judge(seen, more):
        return NeedMore("to be confirmed", pause_s=60.0 if len(seen) == 1 else 0.0) if more else PASSED

    sampling_loop.decide([run(1.0)], Sampler(), judge, lambda seen: len(seen) < 3, pause=paused.append)
    assert paused == [60.0]
