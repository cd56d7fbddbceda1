"""The private line between a session and a worker process: messages as JSON, over two pipes.

They are the standard input and output that the worker was started with. ``bootstrap`` has put others in their
place by the time a test runs, so a step may print what it likes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
from collections.abc import Callable

from pytest_accel.worker import messages
from pytest_accel.worker.messages import Message, ProtocolError

VARIABLE = "PYTEST_ACCEL_LINE"
"""The environment variable in which ``bootstrap`` leaves the file descriptors of the worker's end."""

RUN_VARIABLE = "PYTEST_ACCEL_RUN"
"""An environment variable with a unique value: how a project's hooks know that they run in a worker process.

Every process of a run inherits it (docs/runs.md).
"""

MAX_MESSAGE_BYTES = 2**27
"""A message is no longer than this."""

MAX_READ_BYTES = 2**16
"""How much is read at once: as much as a pipe holds."""

LINE_PIECE_BYTES = select.PIPE_BUF
"""How much of a line is written at once: what a pipe that is ready takes without waiting."""

_MAGIC = b"\xacPTA"
"""Every message begins with this, which no text does, so that whatever else is written is recognized."""

_LENGTH = struct.Struct("!I")
HEADER_BYTES = len(_MAGIC) + _LENGTH.size


class ChannelClosed(Exception):
    """The other side is gone."""


def packed(message: Message) -> bytes:
    """A message as it travels.

    What JSON has no form for, such as a property that a test recorded, goes as its ``str``; a key that JSON
    does not have is left out.
    """
    text = json.dumps(messages.pack(message), default=str, skipkeys=True).encode()
    return _MAGIC + _LENGTH.pack(len(text)) + text


def body_bytes(header: bytes, most: int = MAX_MESSAGE_BYTES) -> int | None:
    """How long the message is that follows this header, None while that is not whole.

    Raises ProtocolError as soon as it can be none.
    """
    magic, length = header[: len(_MAGIC)], header[len(_MAGIC) :]
    if not _MAGIC.startswith(magic):
        raise ProtocolError("what arrived is not a message")
    if len(length) < _LENGTH.size:
        return None
    (count,) = _LENGTH.unpack(length)
    if count > most:
        raise ProtocolError("what arrived is not a message")
    return int(count)


def unpacked(body: bytes) -> Message:
    """The message in what follows a header. Raises ProtocolError."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError("what arrived is not a message") from None
    return messages.unpack(data)


def _no_check() -> None:
    pass


class Channel:
    """One end of the line: the file descriptors to read from and to write to, which it owns."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._open = True

    def send(self, message: Message) -> None:
        """Send one message, see :func:`packed`. Raises ChannelClosed if nobody can read it any more."""
        self._write(packed(message))

    def fileno(self) -> int:
        """For ``select``: ready where a message, or the end of the line, has come."""
        return self._incoming

    def waiting(self, timeout_s: float) -> bool:
        """Whether something, or the end of the line, comes within this time."""
        if not self._open:
            return True
        poll = select.poll()
        poll.register(self._incoming, select.POLLIN)
        return bool(poll.poll(1000 * timeout_s))

    def receive(self, before_read: Callable[[], None] = _no_check) -> Message:
        """The next message, whenever it comes. Raises ChannelClosed at the end, and ProtocolError.

        ``before_read`` is called before each read: it may wait for something to read, and raise.
        """
        header = b""
        try:
            while (length := body_bytes(header)) is None:
                missing = len(_MAGIC) - len(header) if len(header) < len(_MAGIC) else _LENGTH.size
                header += self._read(missing, before_read)
        except ProtocolError:
            self._open = False
            raise
        return unpacked(self._read(length, before_read))

    def send_line(self, text: str, before_write: Callable[[], None] = _no_check) -> None:
        """Send one line of text, which is what the first lines of a worker can read. Raises ChannelClosed.

        ``before_write`` is called before each write: it may wait until there is room, and raise.
        """
        line = f"{text}\n".encode()
        for start in range(0, len(line), LINE_PIECE_BYTES):
            before_write()
            self._write(line[start : start + LINE_PIECE_BYTES])

    def writable(self, timeout_s: float) -> bool:
        """Whether there is room for a piece of a line, or the end of the line has come, within this time."""
        poll = select.poll()
        poll.register(self._outgoing, select.POLLOUT)
        return bool(poll.poll(1000 * timeout_s))

    def receive_byte(self) -> bytes:
        """The next byte of a line of text; what follows the line is left alone. Raises ChannelClosed."""
        return self._read(1, _no_check)

    def close(self) -> None:
        """Close both ends that this process has. May be called again."""
        if self._incoming >= 0:
            for descriptor in (self._incoming, self._outgoing):
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._incoming = self._outgoing = -1
        self._open = False

    def _write(self, unsent: bytes) -> None:
        if self._outgoing < 0:
            raise ChannelClosed
        view = memoryview(unsent)
        try:
            while view:
                view = view[os.write(self._outgoing, view) :]
        except OSError:
            raise ChannelClosed from None

    def _read(self, count: int, before_read: Callable[[], None]) -> bytes:
        if not self._open:
            raise ChannelClosed
        pieces = []
        while count:
            before_read()
            try:
                piece = os.read(self._incoming, min(count, MAX_READ_BYTES))
            except OSError:
                raise ChannelClosed from None
            if not piece:
                raise ChannelClosed
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)


def from_environment() -> Channel:
    """The worker's end, which no process that the worker starts inherits."""
    incoming, outgoing = map(int, os.environ.pop(VARIABLE).split())
    return Channel(incoming, outgoing)


def pair() -> tuple[Channel, int, int]:
    """Our end, and the file descriptors that the worker is to have as its standard input and output."""
    their_incoming, our_outgoing = os.pipe()
    our_incoming, their_outgoing = os.pipe()
    return Channel(our_incoming, our_outgoing), their_incoming, their_outgoing
