"""Whoever calls the first host while it waits for the others: heard at the same time, and each for a while.

A caller is a stranger until it has sent a whole request that proves that it is of this session. Strangers
keep nobody waiting: their number, what they send and how long they take are limited.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass, field

from pytest_accel.analysis.formatting import one_line
from pytest_accel.hosts.messages import Challenge, Join
from pytest_accel.hosts.token import Token, new_nonce
from pytest_accel.worker import channel
from pytest_accel.worker.messages import ProtocolError

CALLER_S = 10.0
"""How long a caller may take for its request."""

MAX_CALLERS = 256
"""Strangers that are heard at once; a further one takes the place of the one that has been silent longest."""

MAX_REQUEST_BYTES = 2**24
"""A hundred thousand names of tests fit."""

READ_BYTES = 2**16

NO_DESCRIPTOR_S = 0.1
"""How long to wait where the system has no room for a further connection."""


@dataclass(frozen=True)
class Caller:
    """A host of this session that called from ``address``, and its connection."""

    request: Join
    address: str
    connection: socket.socket


@dataclass
class _Stranger:
    connection: socket.socket
    address: str
    nonce: str
    until: float
    heard: bytearray = field(default_factory=bytearray)


class Callers:
    """Those who call ``listener``. ``refused`` are the addresses of those that do not know the token."""

    def __init__(self, listener: socket.socket, token: Token) -> None:
        self._listener = listener
        self._token = token
        self._strangers: dict[socket.socket, _Stranger] = {}
        self._selector = selectors.DefaultSelector()
        self.refused: list[str] = []

    def until(self, deadline: float) -> Generator[Caller]:
        """Hosts in the order in which they are known, until this time by ``time.monotonic``."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            while (now := time.monotonic()) < deadline:
                next_due = min((one.until for one in self._strangers.values()), default=math.inf)
                for key, _ in self._selector.select(max(0.0, min(deadline, next_due) - now)):
                    if key.fileobj is self._listener:
                        self._accept()
                        continue
                    stranger = self._strangers.get(key.fileobj)  # type: ignore[call-overload]
                    caller = None if stranger is None else self._heard(stranger)
                    if caller is not None:
                        yield caller
                self._drop_overdue()
        finally:
            self._selector.close()
            for stranger in self._strangers.values():
                stranger.connection.close()

    def _accept(self) -> None:
        try:
            connection, (address, *_) = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # too many connections: the oldest makes room
            self._drop_oldest()
            time.sleep(NO_DESCRIPTOR_S)
            return
        if len(self._strangers) >= MAX_CALLERS:
            self._drop_oldest()
        connection.setblocking(False)
        stranger = _Stranger(connection, str(address), new_nonce(), time.monotonic() + CALLER_S)
        self._strangers[connection] = stranger
        self._selector.register(connection, selectors.EVENT_READ)
        try:
            connection.send(channel.packed(Challenge(stranger.nonce)))
        except OSError:
            self._drop(stranger)

    def _heard(self, stranger: _Stranger) -> Caller | None:
        """The host that this stranger has shown to be; None while it has not, or if it is none."""
        try:
            piece = stranger.connection.recv(READ_BYTES)
            stranger.heard += piece
            request = _request(stranger.heard) if piece else None
        except BlockingIOError:
            return None
        except (OSError, ProtocolError):
            self._drop(stranger)
            return None
        if request is None:
            if not piece:
                self._drop(stranger)
            return None
        if not self._token.is_proved(request.proof, "host", stranger.nonce):
            self.refused.append(stranger.address)
            self._drop(stranger)
            return None
        self._forget(stranger)
        return Caller(request, stranger.address, stranger.connection)

    def _drop_overdue(self) -> None:
        now = time.monotonic()
        for stranger in [one for one in self._strangers.values() if one.until <= now]:
            self._drop(stranger)

    def _drop_oldest(self) -> None:
        if self._strangers:
            self._drop(min(self._strangers.values(), key=lambda stranger: stranger.until))

    def _drop(self, stranger: _Stranger) -> None:
        self._forget(stranger)
        stranger.connection.close()

    def _forget(self, stranger: _Stranger) -> None:
        del self._strangers[stranger.connection]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stranger.connection)


def _request(heard: bytes | bytearray) -> Join | None:
    """The request that was heard, None while it is not whole. Raises ProtocolError for anything else."""
    length = channel.body_bytes(bytes(heard[: channel.HEADER_BYTES]), MAX_REQUEST_BYTES)
    if length is None or len(heard) < (end := channel.HEADER_BYTES + length):
        return None
    request = channel.unpacked(bytes(heard[channel.HEADER_BYTES : end]))
    if len(heard) > end or not isinstance(request, Join) or not _has_facts(request):
        raise ProtocolError("not the request of a host")
    return request


def _has_facts(request: Join) -> bool:
    facts = request.facts
    if not isinstance(facts, dict) or not all(isinstance(name, str) for name in facts):
        return False
    tests = facts.get("tests")
    return isinstance(tests, list) and all(isinstance(test, str) for test in tests)


def shown(name: str) -> str:
    """A name that came over the network, as it can be printed."""
    return one_line(name)[:100]
