"""The connection with the session on another host, which may be gone at any time."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import channel

SILENCE_S = 20.0
"""A host that was not heard of for so long is gone, also where its connection still stands."""

GLANCE_S = 0.2
"""How often to look who is gone, while waiting for what one of them says."""

Message = channel.Message


class HostLost(InvalidRun):
    """A host is gone; the message names it."""


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
