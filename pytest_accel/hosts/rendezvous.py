"""How the sessions of several hosts find each other, and whether they are about to do the same.

The first host listens, the others call. What is exchanged is JSON, unencrypted, in the network that the
frameworks' own collectives use.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_accel.hosts.connection import SILENCE_S, HostConnection
from pytest_accel.hosts.coordinator import Follower, Leader
from pytest_accel.hosts.launcher import LaunchInfo
from pytest_accel.hosts.messages import Join, JoinRefused, Welcome
from pytest_accel.records import Hosts
from pytest_accel.records.user_error import UserError
from pytest_accel.worker import channel
from pytest_accel.worker.messages import Message, ProtocolError, unexpected

RENDEZVOUS_S = 300.0
"""How long hosts wait for each other: containers of one job start minutes apart."""

RETRY_S = 0.2
EXTRA_REPLY_S = 5.0
"""Host 0 decides when to give up, so the other hosts wait slightly longer than it does."""

STALLED_S = SILENCE_S
"""A message that does not go on for so long has broken off."""

Facts = Mapping[str, Any]
"""What has to be the same on all hosts, in words. ``tests`` is a list of the selected benchmarks."""


class RendezvousError(UserError):
    """The hosts cannot work together; the message says why, and the way out."""


def join(launch: LaunchInfo, facts: Facts, address: tuple[str, int], wait_s: float) -> Leader | Follower:
    """The coordinator of this host, once all are there and agree. Raises RendezvousError.

    ``address`` is where the first host listens.
    """
    if launch.index == 0:
        return _lead(launch, facts, address, wait_s)
    return _follow(launch, facts, address, wait_s)


def _lead(launch: LaunchInfo, facts: Facts, address: tuple[str, int], wait_s: float) -> Leader:
    callers: dict[int, _Caller] = {}
    try:
        with _listening(address) as listener:
            for caller in _callers(listener, time.monotonic() + wait_s):
                _check_index(caller, callers, launch)
                callers[caller.index] = caller
                if len(callers) == launch.count - 1:
                    break
            else:
                missing = ", ".join(str(index) for index in range(1, launch.count) if index not in callers)
                raise RendezvousError(
                    f"host {missing} of {launch.count} (indices start at 0) did not connect within "
                    f"{wait_s:g} s: start the same command on every host, and check that it did not exit "
                    f"there before connecting to host 0 at {_shown(address)}"
                )
        for index in sorted(callers):
            _check_same(facts, callers[index])
    except RendezvousError as problem:
        for caller in callers.values():
            caller.send(JoinRefused(str(problem)))
            caller.line.close()
        raise
    seen = [launch.first, *(callers[index].address for index in sorted(callers))]
    addresses = launch.addresses or tuple(
        _shown((host, launch.port + index)) for index, host in enumerate(seen)
    )
    for caller in callers.values():
        caller.send(Welcome(addresses))
    followers = [HostConnection(callers[index].line, callers[index].name) for index in sorted(callers)]
    return Leader(Hosts(0, addresses), followers)


@dataclass(frozen=True)
class _Caller:
    """A host that called the first."""

    index: int
    name: str
    address: str
    facts: Facts
    line: channel.Channel

    def send(self, message: Message) -> None:
        with contextlib.suppress(channel.ChannelClosed):  # who is gone is noticed at the first benchmark
            self.line.send(message)


def _callers(listener: socket.socket, deadline: float) -> Iterator[_Caller]:
    """Who calls until then and is one of us. Who says nothing keeps nobody waiting."""
    silent: dict[channel.Channel, str] = {}
    try:
        while (left_s := deadline - time.monotonic()) > 0:
            watched: list[Any] = [listener, *silent]
            ready = select.select(watched, [], [], left_s)[0]
            for line in [line for line in silent if line in ready]:
                called_from, join = silent.pop(line), _join_request(line)
                if join is None:
                    line.close()  # a port scanner, a health check
                    continue
                yield _Caller(join.index, f"host {join.index} ({join.name})", called_from, join.facts, line)
            if listener in ready:
                connection, (address, *_) = listener.accept()
                silent[_line(connection)] = str(address)
    finally:
        for line in silent:
            line.close()


def _check_index(caller: _Caller, callers: Mapping[int, _Caller], launch: LaunchInfo) -> None:
    if caller.index not in callers and 0 < caller.index < launch.count:
        return
    problem = (
        f"{caller.name} uses a host index that is taken or out of range: give each of the {launch.count} "
        f"hosts a unique index, starting at 0 ({launch.by})"
    )
    caller.send(JoinRefused(problem))
    caller.line.close()
    raise RendezvousError(problem)


def _follow(launch: LaunchInfo, facts: Facts, address: tuple[str, int], wait_s: float) -> Follower:
    line = _called(address, wait_s)
    try:
        line.send(Join(launch.index, socket.gethostname(), dict(facts)))
        if not line.waiting(wait_s + EXTRA_REPLY_S):
            line.close()
            raise RendezvousError(
                f"the first host at {_shown(address)} did not answer within {wait_s + EXTRA_REPLY_S:g} s: "
                "look at its own output, and whether another program has that port "
                "(--accel-coordinator=HOST:PORT on every host chooses another)"
            )
        answer = line.receive()
        if not isinstance(answer, Welcome | JoinRefused):
            raise unexpected(answer)
    except (channel.ChannelClosed, ProtocolError):
        raise RendezvousError(
            f"the first host at {_shown(address)} hung up: look at its own output, and whether the address "
            "is that of another program"
        ) from None
    if isinstance(answer, JoinRefused):
        line.close()
        raise RendezvousError(answer.reason)
    leader = HostConnection(line, f"the first host ({launch.first})")
    return Follower(Hosts(launch.index, answer.addresses), leader)


def _check_same(ours: Facts, caller: _Caller) -> None:
    """Raises RendezvousError for a host that is about to do something else."""
    for fact, here in ours.items():
        there = caller.facts.get(fact)
        if fact != "tests" and there != here:
            raise RendezvousError(
                f"{fact} differs: {here} on host 0, {there} on {caller.name}; it must be the same on every "
                "host"
            )
    here, there = list(ours["tests"]), list(caller.facts.get("tests", ()))
    if here != there:
        only = {"only there": _only(there, here), "only on the first": _only(here, there)}
        how = "; ".join(f"{where}: {tests}" for where, tests in only.items() if tests) or "in another order"
        raise RendezvousError(
            f"{caller.name} selected other benchmarks than the first host ({how}): start the same command, "
            "in the same version of the project, on every host"
        )


def _only(these: Sequence[str], those: Sequence[str]) -> str:
    """The first few that are not among the others."""
    extra = [one for one in these if one not in those]
    return ", ".join(extra[:3]) + (f" and {len(extra) - 3} more" if len(extra) > 3 else "")


def _listening(address: tuple[str, int]) -> socket.socket:
    """On all interfaces, since a machine may know its own name as another address than the others do."""
    host, port = address
    loopback = host == "localhost" or host.startswith("127.") or host == "::1"
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    try:
        return socket.create_server((host if loopback else "", port), family=family)
    except OSError as error:
        raise RendezvousError(
            f"the first host cannot listen at port {port}: {error.strerror or error}; give another with "
            "--accel-coordinator=HOST:PORT on every host, unless two of them were given the number 0"
        ) from None


def _called(address: tuple[str, int], wait_s: float) -> channel.Channel:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _line(socket.create_connection(address, timeout=max(0.1, deadline - time.monotonic())))
        except OSError as error:
            if time.monotonic() > deadline:
                raise RendezvousError(
                    f"nobody answers at {_shown(address)} within {wait_s:g} s ({error.strerror or error}): "
                    "start the same command on the first host, which waits for the others that long as well"
                ) from None
        time.sleep(RETRY_S)


def _line(connection: socket.socket) -> channel.Channel:
    connection.settimeout(None)
    # Who stops in the middle of a message would be waited for without end.
    stalled = struct.pack("@ll", math.ceil(STALLED_S), 0)
    for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, way, stalled)
    # A message is sent when it is there, not when the one before was acknowledged.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    outgoing = os.dup(connection.fileno())
    return channel.Channel(connection.detach(), outgoing)


def _join_request(line: channel.Channel) -> Join | None:
    """What somebody who called asks for, None if that is not one of us."""
    try:
        request = line.receive()
    except (channel.ChannelClosed, ProtocolError):
        return None
    return request if isinstance(request, Join) and isinstance(request.facts, dict) else None


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
