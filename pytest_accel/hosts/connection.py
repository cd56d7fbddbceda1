"""The connection with the session on another host, which may be gone at any time."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from pytest_accel.hosts.messages import Alive
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import channel
from pytest_accel.worker.messages import Message, ProtocolError

SILENCE_S = 20.0
"""A host that was not heard of for so long is gone, also where its connection still stands."""

POLL_INTERVAL_S = 0.2
"""How often to check who is gone, while waiting for what one of them sends."""


class HostLost(InvalidRun):
    """A host is gone; the message names it."""


@dataclass(frozen=True)
class Received:
    """A message, and when it arrived, by ``time.monotonic``."""

    message: Message
    at_s: float


class HostConnection:
    """The connection with the session on another host, called ``name``."""

    def __init__(self, connection: channel.Channel, name: str) -> None:
        self.name = name
        self._connection = connection
        self._sending = threading.Lock()
        self._received: deque[Received] = deque()
        self._heard_at = time.monotonic()
        self._closed = False

    def send(self, message: Message) -> None:
        """Raises HostLost."""
        try:
            with self._sending:
                self._connection.send(message)
        except channel.ChannelClosed:
            raise self._lost() from None

    def peek(self) -> Received | None:
        """Its next message, which stays; None if nothing came. Raises HostLost if nothing can come."""
        self._take_in()
        if self._received:
            return self._received[0]
        if self._closed:
            raise self._lost()
        silent_s = time.monotonic() - self._heard_at
        if silent_s > SILENCE_S:
            raise HostLost(
                f"{self.name} has been silent for {silent_s:.0f} s: check whether it is still running"
            )
        return None

    def wait(self) -> Received | None:
        """The same, after a moment in which something may come."""
        if not self._received and not self._closed:
            self._connection.waiting(POLL_INTERVAL_S)
        return self.peek()

    def take(self) -> Message:
        """What ``peek`` has shown."""
        return self._received.popleft().message

    def close(self) -> None:
        self._connection.close()

    def _take_in(self) -> None:
        try:
            while not self._closed and self._connection.waiting(0):
                message = self._connection.receive()
                self._heard_at = time.monotonic()
                if not isinstance(message, Alive):
                    self._received.append(Received(message, self._heard_at))
        except (channel.ChannelClosed, ProtocolError):
            self._closed = True

    def _lost(self) -> HostLost:
        return HostLost(f"{self.name} ended its session or lost the connection: see that host's output")
