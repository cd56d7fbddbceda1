"""The steps of a test that runs in a child, prepared and timed there on command."""

from __future__ import annotations

from pytest_accel.records import Workload, json_codec
from pytest_accel.runs.worker_process.remote_test import RemoteTest
from pytest_accel.runs.worker_process.same_code import Loaded
from pytest_accel.worker.step_timer import Block, Prepared, settled


class RemoteSteps:
    """The measuring call at which ``test`` waits. Every method raises what those of RemoteTest do.

    ``workload`` and ``loaded`` are known once the steps are prepared: what a step is made with is seen in
    what it returns, and it may import more.
    """

    def __init__(self, test: RemoteTest) -> None:
        self._test = test
        self._ordered = 0
        self.workload: Workload | None = None
        self.loaded = Loaded()

    def prepare(self) -> Prepared:
        self.begin_to_prepare()
        return self.prepared()

    def begin_to_prepare(self) -> None:
        """Let the child build, compile and warm up, without waiting for that."""
        self._test.send(
            "prepare",
            doing="building, compiling or warming up",
            settle=not self._test.on_several_hosts,
        )

    def prepared(self) -> Prepared:
        """What the preparation came to."""
        answer = self._test.until("prepared")
        self.workload = json_codec.decode(Workload, answer["workload"])
        self.loaded = Loaded.of(answer["loaded"])
        prepared = json_codec.decode(Prepared, answer["prepared"])
        # Hosts that each went by their own clock would take different numbers of steps, and wait for ever.
        return settled(prepared, self._block) if self._test.on_several_hosts else prepared

    def block(self, steps: int) -> Block:
        """One block. On several hosts another of the same size is ordered before this one ends.

        So none of them idles while an answer and an order travel, or begins later than the others.
        """
        if not self._test.on_several_hosts:
            return self._block(steps)
        while self._ordered < 2:
            self._order(steps, ahead=True)
        return self._answered()

    def pause(self) -> None:
        """Let what was ordered ahead come to its end."""
        if self._ordered:
            self._test.send("pause", doing="training steps", ahead=False)
            while self._ordered:
                self._answered()
            self._test.until("paused")

    def _block(self, steps: int) -> Block:
        self._order(steps, ahead=False)
        return self._answered()

    def _order(self, steps: int, *, ahead: bool) -> None:
        self._test.send("block", doing="training steps", steps=steps, ahead=ahead)
        self._ordered += 1

    def _answered(self) -> Block:
        block = json_codec.decode(Block, self._test.until("block")["block"])
        self._ordered -= 1
        return block
