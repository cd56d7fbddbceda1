"""Steps in a worker are timed there, and the session sees whether its clock agrees."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process.remote_steps import MIN_BLOCKS_TO_JUDGE, RemoteSteps
from pytest_accel.worker.step_timer import TimedBlock


class Worker:
    """A stand-in that answers after ``here_s`` seconds of the session, and says that it took ``there_s``."""

    on_several_hosts = False

    def __init__(self, here_s, there_s, *, has_real_clock=True):
        self.has_real_clock = has_real_clock
        self.now_s = 0.0
        self._times_s = iter(zip(here_s, there_s, strict=True))

    def send(self, _order, *, doing):
        pass

    def wait_for(self, _reply):
        here_s, there_s = next(self._times_s)
        self.now_s += here_s
        return SimpleNamespace(block=TimedBlock(there_s, None, None))


def time_blocks(here_s, there_s, **settings):
    worker = Worker(here_s, there_s, **settings)
    steps = RemoteSteps(worker, clock=lambda: worker.now_s)
    return [steps.block(1).time_s for _ in here_s]


@pytest.mark.parametrize("factor", [1 / 3, 2])
def test_a_clock_that_is_not_that_of_the_session_is_named(factor):
    with pytest.raises(InvalidRun, match=r"by the clock of the worker process, and .* let the test not"):
        time_blocks([1.0] * 5, [factor] * 5)


@pytest.mark.parametrize(
    ("here_s", "there_s"),
    [
        ([0.051] * 9, [0.05] * 9),
        ([0.0101] * 9, [1e-6] * 9),  # what an order and an answer take is not the step's
        ([1.0, *[30.0] * 8], [1.0] * 9),  # answers that were held up, all but one
    ],
)
def test_an_answer_may_be_late(here_s, there_s):
    assert time_blocks(here_s, there_s) == there_s


def test_few_blocks_are_not_judged_and_a_fake_clock_never_is():
    few = MIN_BLOCKS_TO_JUDGE - 1
    assert time_blocks([9.0] * few, [1.0] * few) == [1.0] * few
    assert time_blocks([9.0] * 9, [1.0] * 9, has_real_clock=False) == [1.0] * 9
