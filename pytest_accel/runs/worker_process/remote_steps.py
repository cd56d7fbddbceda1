"""The steps of a test that runs in a worker, prepared and timed there on command."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_accel.records import Workload
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker import messages
from pytest_accel.worker.environment_facts import LoadedModules
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock, warm_up

CLOCKS_DIFFER = 1.5
"""A block may take this many times as long by the clock of the session as by that of the worker."""

TRANSPORT_S = 0.1
"""What an order and its answer may take beside that, on a busy machine."""

MIN_BLOCKS_TO_JUDGE = 5
"""One block may be held up between its end and its answer; all of them are not."""


class RemoteSteps:
    """The measuring call at which ``test`` waits. Every method raises what those of RemoteTest do.

    ``clock`` counts the seconds of the session. ``workload`` and ``loaded`` are known once the steps are
    prepared: what a step is made with is seen in what it returns, and it may import more.
    """

    def __init__(self, test: RemoteTest, clock: Callable[[], float] = time.monotonic) -> None:
        self._test = test
        self._clock = clock
        self._times_s: list[tuple[float, float]] = []
        self._ordered = 0
        self.workload: Workload | None = None
        self.loaded = LoadedModules()

    def prepare(self) -> PreparedStep:
        self.begin_to_prepare()
        return self.prepared()

    def begin_to_prepare(self) -> None:
        """Let the worker build, compile and warm up, without waiting for that."""
        settle = not self._test.on_several_hosts
        self._test.send(messages.Prepare(settle), doing="building, compiling or warming up")

    def prepared(self) -> PreparedStep:
        """Return the result of the preparation."""
        prepared = self._test.wait_for(messages.Prepared)
        self.workload, self.loaded = prepared.workload, prepared.loaded
        # Hosts that each went by their own clock would take different numbers of steps, and wait for ever.
        return warm_up(prepared.step, self._block) if self._test.on_several_hosts else prepared.step

    def block(self, steps: int) -> TimedBlock:
        """One block. On several hosts another of the same size is ordered before this one ends.

        So none of them idles while an answer and an order travel, or begins later than the others.
        """
        if not self._test.on_several_hosts:
            return self._block(steps)
        while self._ordered < 2:
            self._order(steps, ahead=True)
        return self._answered()

    def pause(self) -> None:
        """Wait for what was ordered ahead."""
        if self._ordered:
            self._test.send(messages.Pause(), doing="training steps")
            while self._ordered:
                self._answered()
            self._test.wait_for(messages.Paused)

    def _block(self, steps: int) -> TimedBlock:
        begin = self._clock()
        self._order(steps, ahead=False)
        block = self._answered()
        self._times_s.append((self._clock() - begin, block.time_s))
        if self._test.has_real_clock:
            self._check_clocks()
        return block

    def _check_clocks(self) -> None:
        """Raise InvalidRun if the worker's clock is not that of the session: a mock, or a fault."""
        if len(self._times_s) < MIN_BLOCKS_TO_JUDGE:
            return
        here_s, there_s = map(sum, zip(*self._times_s, strict=True))
        slow = all(here > CLOCKS_DIFFER * there + TRANSPORT_S for here, there in self._times_s)
        if slow or there_s > CLOCKS_DIFFER * here_s:
            raise InvalidRun(
                f"{len(self._times_s)} blocks of steps took {there_s:.3g} s by the clock of the worker "
                f"process, and {here_s:.3g} s by that of the session: let the test not replace the clock "
                "(freezegun, time-machine, a mock of time.perf_counter) while it measures"
            )

    def _order(self, steps: int, *, ahead: bool) -> None:
        self._test.send(messages.TimeBlock(steps, ahead), doing="training steps")
        self._ordered += 1

    def _answered(self) -> TimedBlock:
        block = self._test.wait_for(messages.BlockTimed).block
        self._ordered -= 1
        return block
