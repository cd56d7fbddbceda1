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
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from pytest_accel import channel
from pytest_accel.records import Hosts
from pytest_accel.samplers import InvalidRun

HEARTBEAT_S = 2.0
SILENCE_S = 20.0
"""A host that was not heard of for so long is gone, also where its connection still stands."""

GLANCE_S = 0.2
"""How often to look who is gone, while waiting for what one of them says."""

GRACE_S = 10.0
"""A test that ends early on one host, such as by a skip, may do so later on others."""

Message = channel.Message


class HostLost(InvalidRun):
    """A host is gone; the message names it."""


class Abandoned(InvalidRun):
    """The first host gave this run up."""


class Line:
    """The connection with the session on another host, called ``name``."""

    def __init__(self, connection: channel.Channel, name: str) -> None:
        self.name = name
        self._connection = connection
        self._sending = threading.Lock()
        self._said: deque[Message] = deque()
        self._heard_at = time.monotonic()
        self._closed = False

    def send(self, kind: str, **fields: Any) -> None:
        """Raises HostLost."""
        try:
            with self._sending:
                self._connection.send(kind, **fields)
        except channel.Closed:
            raise self._lost() from None

    def peek(self) -> Message | None:
        """What it said next, which stays; None if nothing came. Raises HostLost if nothing can come."""
        self._take_in()
        if self._said:
            return self._said[0]
        if self._closed:
            raise self._lost()
        silent_s = time.monotonic() - self._heard_at
        if silent_s > SILENCE_S:
            raise HostLost(f"{self.name} was not heard of for {silent_s:.0f} s: look what became of it")
        return None

    def wait(self) -> Message | None:
        """The same, after a moment in which something may come."""
        if not self._said and not self._closed:
            self._connection.waiting(GLANCE_S)
        return self.peek()

    def take(self) -> Message:
        """What ``peek`` has shown."""
        return self._said.popleft()

    def close(self) -> None:
        self._connection.close()

    def _take_in(self) -> None:
        try:
            while not self._closed and self._connection.waiting(0):
                message = self._connection.receive()
                self._heard_at = time.monotonic()
                if message["kind"] != "alive":
                    self._said.append({**message, "at": time.monotonic()})
        except (channel.Closed, channel.Garbled):
            self._closed = True

    def _lost(self) -> HostLost:
        return HostLost(f"{self.name} ended its session or was lost: look at its own output")


class Coordinator(Protocol):
    """What a session needs, alone or with others. ``hosts`` is None for one that is alone."""

    hosts: Hosts | None

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
            for line in self._lines:
                with contextlib.suppress(HostLost):
                    self._until_closed(line)
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

    def _until_closed(self, line: Line) -> None:
        while True:
            while line.wait() is None:
                pass
            if line.take()["kind"] == "closed":
                return


class Other:
    """Another host's end of its line to the first."""

    decides = False

    def __init__(self, hosts: Hosts, line: Line) -> None:
        self.hosts: Hosts | None = hosts
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
