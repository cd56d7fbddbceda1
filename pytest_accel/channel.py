"""The private line between a session and its child: JSON messages over a socket pair.

Standard output is never used, so a step may print what it likes.
"""

from __future__ import annotations

import json
import os
import socket
from multiprocessing.connection import Connection
from typing import Any

PROTOCOL = 1
"""Checked first: both sides must speak the same version."""

VARIABLE = "PYTEST_ACCEL_CHANNEL"
"""The environment variable that tells a child the file descriptor of its end."""

Message = dict[str, Any]


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of the line."""

    def __init__(self, descriptor: int) -> None:
        self._connection = Connection(descriptor)

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message. Raises Closed if nobody can read it any more.

        What JSON has no word for, such as a property that a test recorded, goes as its ``str``.
        """
        message = json.dumps({"kind": kind, **fields}, default=str).encode()
        try:
            self._connection.send_bytes(message)
        except OSError:
            raise Closed from None

    def waiting(self, timeout_s: float) -> bool:
        """Whether a message, or the end of the line, comes within this time."""
        return self._connection.poll(timeout_s)

    def receive(self) -> Message:
        """The next message, whenever it comes. Raises Closed at the end of the line."""
        try:
            message: Message = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise Closed from None
        return message

    def close(self) -> None:
        self._connection.close()


def pair() -> tuple[Channel, socket.socket]:
    """Our end, and the socket whose descriptor a child is to inherit."""
    ours, theirs = socket.socketpair()
    return Channel(ours.detach()), theirs


def from_environment() -> Channel:
    """The child's end. No process that the child starts gets hold of it."""
    descriptor = int(os.environ.pop(VARIABLE))
    os.set_inheritable(descriptor, False)
    return Channel(descriptor)
