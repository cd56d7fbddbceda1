"""The steps of a test that runs in a worker, prepared and timed there on command."""

from __future__ import annotations

from pytest_accel.records import Workload
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.worker import messages
from pytest_accel.worker.environment_facts import LoadedModules
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock, warm_up


class RemoteSteps:
    """The measuring call at which ``test`` waits. Every method raises what those of RemoteTest do.

    ``workload`` and ``loaded`` are known once the steps are prepared: what a step is made with is seen in
    what it returns, and it may import more.
    """

    def __init__(self, test: RemoteTest) -> None:
        self._test = test
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
        self._order(steps, ahead=False)
        return self._answered()

    def _order(self, steps: int, *, ahead: bool) -> None:
        self._test.send(messages.TimeBlock(steps, ahead), doing="training steps")
        self._ordered += 1

    def _answered(self) -> TimedBlock:
        block = self._test.wait_for(messages.BlockTimed).block
        self._ordered -= 1
        return block
