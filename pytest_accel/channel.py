"""The private line between a session and its child: JSON messages over two pipes.

They are the standard input and output that the child was started with. ``bootstrap`` has put others in their
place by the time a test runs, so a step may print what it likes.
"""

from __future__ import annotations

import json
import os
from multiprocessing.connection import Connection
from typing import Any

PROTOCOL = 3
"""Checked first: both sides must speak the same version."""

VARIABLE = "PYTEST_ACCEL_LINE"
"""The environment variable in which ``bootstrap`` leaves the file descriptors of the child's end."""

Message = dict[str, Any]


class Closed(Exception):
    """The other side is gone."""


class Garbled(Exception):
    """What arrived is no message: somebody else wrote to the line."""


MOST_BYTES = 2**27
"""A message is no longer than this. Any text that is read as a length, as control characters are, is more."""


class Channel:
    """One end of the line: the file descriptors to read from and to write to."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = Connection(incoming, writable=False)
        self._outgoing = Connection(outgoing, readable=False)

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message. Raises Closed if nobody can read it any more.

        What JSON has no word for, such as a property that a test recorded, goes as its ``str``.
        """
        message = json.dumps({"kind": kind, **fields}, default=str).encode()
        try:
            self._outgoing.send_bytes(message)
        except OSError:
            raise Closed from None

    def fileno(self) -> int:
        """For ``select``: ready where a message, or the end of the line, has come."""
        return self._incoming.fileno()

    def waiting(self, timeout_s: float) -> bool:
        """Whether a message, or the end of the line, comes within this time."""
        return self._incoming.closed or self._incoming.poll(timeout_s)

    def receive(self) -> Message:
        """The next message, whenever it comes. Raises Closed at the end of the line, and Garbled."""
        if self._incoming.closed:
            raise Closed
        try:
            message: Message = json.loads(self._incoming.recv_bytes(MOST_BYTES))
        except ValueError:
            raise Garbled from None
        except (EOFError, OSError):
            too_long = self._incoming.closed  # a Connection closes itself after what it will not read
            raise (Garbled if too_long else Closed) from None
        return message

    def send_line(self, text: str) -> None:
        """Send one line of text, which is what the first lines of a child can read. Raises Closed."""
        unsent = f"{text}\n".encode()
        try:
            while unsent:
                unsent = unsent[os.write(self._outgoing.fileno(), unsent) :]
        except OSError:
            raise Closed from None

    def receive_byte(self) -> bytes:
        """The next byte of a line of text; what follows the line is left alone. Raises Closed."""
        try:
            byte = os.read(self._incoming.fileno(), 1)
        except OSError:
            raise Closed from None
        if not byte:
            raise Closed
        return byte

    def close(self) -> None:
        self._incoming.close()
        self._outgoing.close()


def from_environment() -> Channel:
    """The child's end, which no process that the child starts inherits."""
    incoming, outgoing = map(int, os.environ.pop(VARIABLE).split())
    return Channel(incoming, outgoing)


def pair() -> tuple[Channel, int, int]:
    """Our end, and the file descriptors that the child is to have as its standard input and output."""
    their_incoming, our_outgoing = os.pipe()
    our_incoming, their_outgoing = os.pipe()
    return Channel(our_incoming, our_outgoing), their_incoming, their_outgoing
