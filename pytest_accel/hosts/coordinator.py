"""Several hosts agree: the first decides and tells the others, who do the same at the same time.

Each host has a pytest session. The first session's orders to its child process go to all hosts, where a
session hands them to its own child; what the children answer comes back to the first. A host that is gone,
or whose test failed, is noticed while waiting for anything, so that nobody waits in a collective for what
cannot come: whoever waits ends its child.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from pytest_accel.hosts.connection import HostLost, Line, Message
from pytest_accel.records import Hosts
from pytest_accel.records.run_errors import InvalidRun

HEARTBEAT_S = 2.0
GRACE_S = 10.0
"""A test that ends early on one host, such as by a skip, may do so later on others."""


class Abandoned(InvalidRun):
    """The first host gave this run up."""


class Coordinator(Protocol):
    """What a session needs, alone or with others. ``hosts`` is None for one that is alone."""

    hosts: Hosts | None

    went_on: Sequence[str]
    """The other hosts where the last run had not come to its own end when it did here."""

    @property
    def decides(self) -> bool:
        """Whether this session reads and writes baselines, judges and reports."""
        ...

    def check(self) -> None:
        """Called while anything is waited for. Raises InvalidRun if it cannot come."""

    def running(self, test: str) -> contextlib.AbstractContextManager[None]:
        """A run of ``test`` on all hosts. Raises InvalidRun."""
        ...

    def tell(self, kind: str, **fields: Any) -> None:
        """Tell the other hosts. Raises HostLost."""

    def over(self, **fields: Any) -> None:
        """Tell the other hosts what the benchmark came to. Who is gone is noticed at the next."""

    def answers(self) -> list[Message]:
        """What the other hosts' children answer to the last order. Raises InvalidRun."""
        ...


class Solo:
    """The session of one host."""

    hosts: Hosts | None = None
    went_on: Sequence[str] = ()
    decides = True

    def check(self) -> None:
        pass

    def running(self, test: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def tell(self, kind: str, **fields: Any) -> None:
        pass

    def over(self, **fields: Any) -> None:
        pass

    def answers(self) -> list[Message]:
        return []

    def close(self) -> None:
        pass


class First:
    """The first host's end of the lines to all others."""

    decides = True

    def __init__(self, hosts: Hosts, lines: Sequence[Line]) -> None:
        self.hosts: Hosts | None = hosts
        self.went_on: Sequence[str] = ()
        self._lines = lines
        self._heart = _Heart(lines)

    def check(self) -> None:
        for line in self._lines:
            message = line.peek()
            ended = message is not None and message["kind"] == "ended"
            # The test may be about to end in the same way here, which then is no failure.
            if message is not None and not (ended and time.monotonic() < message["at"] + GRACE_S):
                _raise_if_failed(line, message)

    @contextlib.contextmanager
    def running(self, test: str) -> Iterator[None]:
        self.tell("begin", test=test)
        try:
            yield
        except BaseException as problem:
            # Where the test ended by itself it may be about to do so on other hosts.
            patient = not isinstance(problem, InvalidRun)
            for line in self._lines:
                with contextlib.suppress(HostLost):
                    line.send("abort", patient=patient)
            self.went_on = [line.name for line in self._lines if not self._ended_too(line)]
            raise
        for line in self._lines:
            self._until_closed(line)

    def tell(self, kind: str, **fields: Any) -> None:
        lost: list[HostLost] = []
        for line in self._lines:
            try:
                line.send(kind, **fields)
            except HostLost as problem:
                lost.append(problem)
        if lost:
            raise lost[0]

    def over(self, **fields: Any) -> None:
        with contextlib.suppress(HostLost):
            self.tell("over", **fields)

    def answers(self) -> list[Message]:
        found = []
        for line in self._lines:
            while line.wait() is None:
                self.check()
            message = line.take()
            _raise_if_failed(line, message)
            found.append(message["answer"])
        return found

    def close(self) -> None:
        self._heart.stop()
        for line in self._lines:
            line.close()

    def _until_closed(self, line: Line) -> list[str]:
        """What kinds of things it still said."""
        said: list[str] = []
        while not said or said[-1] != "closed":
            while line.wait() is None:
                pass
            said.append(line.take()["kind"])
        return said

    def _ended_too(self, line: Line) -> bool:
        """Whether the test came to its own end there, too."""
        try:
            return "ended" in self._until_closed(line)
        except HostLost:
            return False


class Other:
    """Another host's end of its line to the first."""

    decides = False

    def __init__(self, hosts: Hosts, line: Line) -> None:
        self.hosts: Hosts | None = hosts
        self.went_on: Sequence[str] = ()
        self._line = line
        self._heart = _Heart([line])

    def check(self) -> None:
        message = self._line.peek()
        if message is None or message["kind"] != "abort":
            return
        if not (message["patient"] and time.monotonic() < message["at"] + GRACE_S):
            raise Abandoned("the first host gave this run up")

    def running(self, test: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def tell(self, kind: str, **fields: Any) -> None:
        """Nobody: the first host does."""

    def over(self, **fields: Any) -> None:
        """Nobody."""

    def answers(self) -> list[Message]:
        return []

    def next(self) -> Message:
        """What the first host says next, whenever it does. Raises HostLost."""
        while self._line.wait() is None:
            pass
        return self._line.take()

    def say(self, kind: str, **fields: Any) -> None:
        """To the first host. Raises HostLost."""
        self._line.send(kind, **fields)

    def close(self) -> None:
        self._heart.stop()
        self._line.close()


def _raise_if_failed(line: Line, message: Message) -> None:
    if message["kind"] in ("failed", "ended"):
        raise InvalidRun(f"on {line.name}: {message['reason']}", message["output"])


class _Heart:
    """Says on all lines that this session is alive, whatever it is at."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._stopped = threading.Event()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_S):
            for line in self._lines:
                with contextlib.suppress(HostLost):
                    line.send("alive")
