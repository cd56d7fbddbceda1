"""One run, observed: how many blocks of how many steps, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.hardware.other_programs import Usage
from pytest_accel.records import Conditions
from pytest_accel.records.plans import BLOCKS, MIN_BLOCK_S, RunSize
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.time_blocks import MIN_BLOCKS, measure_steps
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock


class Subject:
    """Takes ``step_time_s`` a step; ``losses`` are those of its blocks, the last one again and again."""

    def __init__(self, step_time_s=0.25, losses=(None,)):
        self.asked = []
        self._step_time_s = step_time_s
        self._losses = losses

    def prepare(self):
        return PreparedStep(2.0, 30.0, 4.0, 16, step_time_s=self._step_time_s)

    def block(self, steps):
        loss = self._losses[min(len(self.asked), len(self._losses) - 1)]
        self.asked.append(steps)
        return TimedBlock(steps * self._step_time_s, loss, 1000 + len(self.asked))


def observed(subject, size=None, sample_conditions=Conditions):
    return measure_steps(
        subject, lambda: size or RunSize(BLOCKS, 1e9), startup_time_s=1.0, sample_conditions=sample_conditions
    )


def test_everything_seen_is_in_the_observation():
    steps = observed(Subject(losses=(3.0, 2.0, 1.0)), RunSize(6, 1e9))

    assert steps.step_times_s == (0.25,) * 6
    assert steps.losses == (3.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    assert steps.peak_memory_bytes == 1006
    assert (steps.startup_time_s, steps.build_time_s, steps.compile_time_s) == (1.0, 2.0, 30.0)
    assert (steps.warmup_time_s, steps.warmup_steps) == (4.0, 16)


def test_a_step_without_a_loss_has_none():
    assert observed(Subject()).losses == ()


def test_as_many_blocks_as_asked_for():
    assert len(observed(Subject(), RunSize(17, 1e9)).step_times_s) == 17


@given(step_time_s=st.floats(1e-4, 10.0), seconds=st.floats(0.1, 100.0), blocks=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_time_ends_a_run_early_but_never_below_the_least(step_time_s, seconds, blocks):
    subject = Subject(step_time_s)

    steps = observed(subject, RunSize(blocks, seconds))

    count = len(steps.step_times_s)
    block_time_s = step_time_s * steps.steps_per_block
    assert MIN_BLOCKS <= count <= max(MIN_BLOCKS, blocks)
    if MIN_BLOCKS < count < blocks:
        assert (count - 1) * block_time_s < seconds * (1 + 1e-9)
        assert count * block_time_s >= seconds * (1 - 1e-9)


@given(step_time_s=st.floats(1e-7, 100.0))
@settings(max_examples=60, deadline=None)
def test_a_block_is_a_power_of_two_of_steps_long_enough_and_not_twice_so(step_time_s):
    steps_per_block = observed(Subject(step_time_s)).steps_per_block

    assert math.log2(steps_per_block).is_integer()
    assert steps_per_block * step_time_s >= MIN_BLOCK_S * (1 - 1e-9)
    assert steps_per_block == 1 or steps_per_block * step_time_s < 2 * MIN_BLOCK_S * (1 + 1e-9)


def test_a_run_like_an_earlier_one_has_its_steps_per_block():
    subject = Subject(step_time_s=0.25)

    steps = observed(subject, RunSize(5, 1e9, steps_per_block=3))

    assert steps.steps_per_block == 3
    assert set(subject.asked) == {3}
    assert steps.step_times_s == (0.25,) * 5


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_at_once(loss):
    subject = Subject(losses=(1.0, 1.0, loss))

    with pytest.raises(InvalidRun, match=rf"the loss is {loss} after block 3: this training diverges"):
        observed(subject)
    assert len(subject.asked) == 3


@pytest.mark.parametrize("time_s", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_none_ends_the_run_at_once(time_s):
    class Odd(Subject):
        def block(self, steps):
            return TimedBlock(time_s, None, None)

    with pytest.raises(InvalidRun, match=rf"block 1 took {time_s:g} s"):
        observed(Odd())


def test_the_machine_is_looked_at_before_and_after_every_block():
    seen = [Conditions(load_average=0.5)]
    seen += [Conditions(foreign_processes=(f"other {number}",)) for number in range(5)]

    conditions = observed(Subject(), RunSize(5, 1e9), sample_conditions=iter(seen).__next__).conditions

    assert conditions.load_average == 0.5
    assert len(conditions.foreign_processes) == 5


def test_a_step_that_became_slow_does_not_spend_many_times_its_seconds():
    subject = Subject(step_time_s=0.01)

    observed(subject, RunSize(40, 20.0, steps_per_block=2**17))

    assert subject.asked == [16] * 40


class Others:
    """Says what other programs did after each block, and nothing after the last answer."""

    def __init__(self, *answers):
        self._answers = iter(answers)

    def usage(self):
        return next(self._answers, None)


BUSY = Usage(1.5, 2, "python3 (pid 1234)", 0.98)
QUIET = Usage(0.02, 2, "sshd (pid 1)", 0.02)


def beside(others, size, *, wait_s=60.0, progress=None):
    return measure_steps(
        Subject(step_time_s=0.25),
        lambda: size,
        startup_time_s=1.0,
        sample_conditions=Conditions,
        watch=lambda: others,
        wait_s=wait_s,
        on_progress=(lambda _seen: None) if progress is None else progress.append,
    )


def test_disturbed_blocks_do_not_count_while_the_run_may_wait():
    steps = beside(Others(*[QUIET] * 3, *[BUSY] * 4, *[QUIET] * 20), RunSize(8, 1e9))
    assert steps.others_share == (0.01,) * 3 + (0.75,) * 4 + (0.01,) * 5
    assert steps.conditions.other_programs == ("python3 (pid 1234)",)


def test_a_run_that_waited_long_enough_ends():
    """Blocks of 0.25 s: four of them wait, and all others count."""
    assert len(beside(Others(*[BUSY] * 50), RunSize(8, 1e9), wait_s=1.0).step_times_s) == 12
    assert len(beside(Others(*[BUSY] * 50), RunSize(8, 1e9), wait_s=0.0).step_times_s) == 8


def test_a_run_that_is_compared_with_nothing_waits_for_nobody():
    steps = beside(Others(*[BUSY] * 50), RunSize(8, 1e9, waits=False), wait_s=60.0)
    assert len(steps.step_times_s) == 8
    assert steps.others_share == (0.75,) * 8


def test_an_answer_is_about_all_blocks_since_the_one_before():
    steps = beside(Others(None, None, BUSY, None, QUIET), RunSize(5, 1e9), wait_s=0.0)
    assert steps.others_share == (0.75, 0.75, 0.75, 0.01, 0.01)


def test_where_nothing_is_known_nothing_is_said():
    assert beside(Others(), RunSize(5, 1e9)).others_share == ()
    assert beside(None, RunSize(5, 1e9)).others_share == ()


def test_while_it_waits_it_says_for_whom():
    progress = []
    beside(Others(QUIET, BUSY, *[QUIET] * 9), RunSize(5, 1e9), progress=progress)
    waiting = [seen.waiting_for for seen in progress]
    assert waiting[:3] == [None, "python3 (pid 1234) has 98% of a core", None]
