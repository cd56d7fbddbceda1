"""StepTimer on a clock that only the program turns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.records import Plan, Program, Workload
from pytest_accel.worker import step_timer
from pytest_accel.worker.step_timer import StepTimer, UnmeasurableStep


class Fake:
    """A program, and the clock that it turns. ``step_time_s`` is asked with the number of the step, from 0.

    Steps are queued and take their time only when they are waited for, as on an accelerator.
    """

    def __init__(self, step_time_s, *, build_time_s=0.0, loss=None):
        self.now_s = 0.0
        self.steps = 0
        self.waits = 0
        self._queue = []
        self._step_time_s = step_time_s
        self._build_time_s = build_time_s
        self._loss = loss

    def measurement(self):
        plan = Plan(Workload("measure", "python", 1), self._build)
        return StepTimer(plan, clock=lambda: self.now_s)

    def _build(self):
        self.now_s += self._build_time_s
        return Program(self._step, self._wait, lambda: 1000 + self.steps)

    def _step(self):
        self._queue.append(self.steps)
        self.steps += 1
        return self.steps

    def _wait(self, handle):
        assert handle == self.steps
        self.waits += 1
        self.now_s += sum(map(self._step_time_s, self._queue))
        self._queue.clear()
        return self._loss


def test_building_compiling_and_warming_up_have_clocks_of_their_own():
    fake = Fake(lambda step: 30.0 if step == 0 else 0.5, build_time_s=7.0)

    prepared = fake.measurement().prepare()

    assert prepared.build_time_s == 7.0
    assert prepared.compile_time_s == 30.0
    assert prepared.warmup_time_s == 0.5 * prepared.warmup_steps
    assert prepared.step_time_s == 0.5
    assert fake.steps == 1 + prepared.warmup_steps


def test_a_steady_step_is_warm_after_a_first_look_and_three_that_are_no_faster():
    prepared = Fake(lambda _: 0.5).measurement().prepare()

    assert prepared.warmup_steps == 1 + step_timer.SETTLED_BLOCKS


@pytest.mark.parametrize("half_life", [2, 5, 9])
def test_warming_up_lasts_until_step_times_have_settled(half_life):
    def step_time_s(step):
        return 0.2 * (1 + 4 * 0.5 ** (step / half_life))

    fake = Fake(step_time_s)

    prepared = fake.measurement().prepare()

    settled = step_time_s(prepared.warmup_steps)
    assert prepared.step_time_s == pytest.approx(settled, rel=step_timer.SETTLED)
    assert settled < 0.2 * 1.5
    assert prepared.warmup_steps > half_life


def test_warming_up_ends_at_its_limit_if_steps_never_settle():
    fake = Fake(lambda step: 10.0 * 0.9**step)

    prepared = fake.measurement().prepare()

    assert step_timer.MAX_WARMUP_S <= prepared.warmup_time_s < step_timer.MAX_WARMUP_S + 10


def test_one_step_that_is_longer_than_all_warming_up_is_looked_at_once():
    assert Fake(lambda _: 1000.0).measurement().prepare().warmup_steps == 1


def test_tiny_steps_are_warmed_up_in_growing_blocks_with_one_wait_each():
    fake = Fake(lambda _: 1e-5)

    prepared = fake.measurement().prepare()

    assert prepared.step_time_s == pytest.approx(1e-5)
    assert fake.waits < 25
    assert prepared.warmup_steps * 1e-5 > step_timer.WARMUP_BLOCK_S


@pytest.mark.parametrize("step_time_s", [0.0, -1e-3])
def test_a_step_that_takes_no_time_cannot_be_measured(monkeypatch, step_time_s):
    monkeypatch.setattr(step_timer, "MAX_STEPS_PER_BLOCK", 64)

    with pytest.raises(UnmeasurableStep, match=r"64 steps took -?[\d.]+ s: there is no work to be timed"):
        Fake(lambda _: step_time_s).measurement().prepare()


def test_a_block_is_all_its_steps_and_one_wait_and_tells_the_last_loss_and_the_memory():
    fake = Fake(lambda _: 0.25, loss=1.5)
    measurement = fake.measurement()
    measurement.prepare()
    steps, waits = fake.steps, fake.waits

    block = measurement.block(8)

    assert (block.time_s, block.loss) == (2.0, 1.5)
    assert (fake.steps - steps, fake.waits - waits) == (8, 1)
    assert block.peak_memory_bytes == 1000 + fake.steps


def test_a_block_before_preparing_is_a_mistake_in_the_caller():
    with pytest.raises(RuntimeError, match="prepare"):
        Fake(lambda _: 1.0).measurement().block(1)


def test_what_a_step_raises_is_raised():
    def fail(_):
        raise LookupError("out of data")

    with pytest.raises(LookupError, match="out of data"):
        Fake(fail).measurement().prepare()


@given(
    times=st.lists(st.floats(1e-6, 50.0), min_size=1, max_size=30),
    build_time_s=st.floats(0, 100.0),
)
@settings(max_examples=50, deadline=None)
def test_whatever_steps_take_every_second_is_on_one_clock_and_warming_up_ends(times, build_time_s):
    fake = Fake(lambda step: times[min(step, len(times) - 1)], build_time_s=build_time_s)

    prepared = fake.measurement().prepare()

    parts = (prepared.build_time_s, prepared.compile_time_s, prepared.warmup_time_s)
    assert math.isclose(sum(parts), fake.now_s, rel_tol=1e-9, abs_tol=1e-9)
    assert all(part >= 0 for part in parts)
    assert fake.steps == 1 + prepared.warmup_steps
    assert min(times) * 0.999 <= prepared.step_time_s <= max(times) * 1.001
