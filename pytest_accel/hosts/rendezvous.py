"""How the sessions of several hosts find each other, and whether they are about to do the same.

The first host listens, the others call. Both sides show that they know the token of the session, where there
is one. What is exchanged is JSON, unencrypted, in the network that the frameworks' own collectives use.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import math
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accel.analysis.formatting import one_line
from pytest_accel.hosts.callers import Caller, Callers, shown
from pytest_accel.hosts.connection import SILENCE_S, HostConnection
from pytest_accel.hosts.coordinator import Follower, Leader
from pytest_accel.hosts.launcher import LaunchInfo
from pytest_accel.hosts.messages import Challenge, Join, JoinRefused, Welcome
from pytest_accel.hosts.token import VARIABLE, Token, new_nonce
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


def join(
    launch: LaunchInfo,
    facts: Facts,
    address: tuple[str, int],
    wait_s: float,
    token: Token | None = None,
    *,
    trusts_network: bool = False,
) -> Leader | Follower:
    """The coordinator of this host, once all are there and agree. Raises RendezvousError.

    ``address`` is where the first host listens. Without a ``token`` that has to be this machine, unless the
    user ``trusts_network``.
    """
    token = token or Token()
    if not token and not trusts_network and not _is_this_machine(address[0]):
        raise RendezvousError(
            f"the hosts meet at {_shown(address)}, where others may call as well: set {VARIABLE} to the "
            "same secret on every host (docs/several-hosts.md), or pass --accel-trust-network in a network "
            "of your own"
        )
    if launch.index == 0:
        with _listening(address, everywhere=bool(token) or trusts_network) as listener:
            return _lead(launch, facts, address, wait_s, Callers(listener, token), token)
    return _follow(launch, facts, address, wait_s, token)


def _lead(
    launch: LaunchInfo,
    facts: Facts,
    address: tuple[str, int],
    wait_s: float,
    callers: Callers,
    token: Token,
) -> Leader:
    joined: dict[int, _Host] = {}
    try:
        with contextlib.closing(callers.until(time.monotonic() + wait_s)) as heard:
            for caller in heard:
                host = _Host(caller)
                if _has_free_index(host, joined, launch, token):
                    joined[host.index] = host
                if len(joined) == launch.count - 1:
                    break
            else:
                raise RendezvousError(_who_is_missing(launch, joined, callers.refused, address, wait_s))
        for index in sorted(joined):
            _check_same(facts, joined[index])
    except RendezvousError as problem:
        for host in joined.values():
            host.refuse(str(problem))
        raise
    seen = [launch.first, *(joined[index].address for index in sorted(joined))]
    addresses = launch.addresses or tuple(
        _shown((host, launch.port + index)) for index, host in enumerate(seen)
    )
    for host in joined.values():
        host.send(Welcome(addresses, token.proof("leader", host.nonce)))
    followers = [HostConnection(joined[index].line, joined[index].name) for index in sorted(joined)]
    return Leader(Hosts(0, addresses), followers)


class _Host:
    """A host that called the first, with what it said of itself."""

    def __init__(self, caller: Caller) -> None:
        self.index = caller.request.index
        self.name = f"host {self.index} ({shown(caller.request.name)})"
        self.address = caller.address
        self.facts: Facts = caller.request.facts
        self.nonce = caller.request.nonce
        self.line = _line(caller.connection)

    def send(self, message: Message) -> None:
        with contextlib.suppress(channel.ChannelClosed):  # who is gone is noticed at the first benchmark
            self.line.send(message)

    def refuse(self, reason: str) -> None:
        self.send(JoinRefused(reason))
        self.line.close()


def _has_free_index(host: _Host, joined: Mapping[int, _Host], launch: LaunchInfo, token: Token) -> bool:
    """Whether it is one of those that are missing. Raises RendezvousError if it is of this session and not.

    Without a token it may be anybody: it is refused, and the others are waited for.
    """
    if host.index not in joined and 0 < host.index < launch.count:
        return True
    problem = (
        f"{host.name} uses a host index that is taken or out of range: give each of the {launch.count} "
        f"hosts a unique index, starting at 0 ({launch.by})"
    )
    host.refuse(problem)
    if token or host.index in joined:
        raise RendezvousError(problem)
    return False


def _who_is_missing(
    launch: LaunchInfo,
    joined: Mapping[int, _Host],
    refused: Sequence[str],
    address: tuple[str, int],
    wait_s: float,
) -> str:
    missing = ", ".join(str(index) for index in range(1, launch.count) if index not in joined)
    said = (
        f"host {missing} of {launch.count} (indices start at 0) did not connect within {wait_s:g} s: start "
        "the same command on every host, and check that it did not exit there before connecting to host 0 at "
        f"{_shown(address)}"
    )
    if refused:
        said += (
            f". Callers with another token, or none: {', '.join(dict.fromkeys(refused))}; {VARIABLE} has to "
            "be the same on every host"
        )
    return said


def _follow(
    launch: LaunchInfo, facts: Facts, address: tuple[str, int], wait_s: float, token: Token
) -> Follower:
    line = _called(address, wait_s)
    until = _Until(time.monotonic() + wait_s + EXTRA_REPLY_S, line, address, wait_s)
    try:
        challenge = line.receive(until)
        if not isinstance(challenge, Challenge):
            raise unexpected(challenge)
        nonce = new_nonce()
        proof = token.proof("host", challenge.nonce)
        line.send(Join(launch.index, socket.gethostname(), dict(facts), nonce, proof))
        answer = line.receive(until)
        if not isinstance(answer, Welcome | JoinRefused):
            raise unexpected(answer)
    except (channel.ChannelClosed, ProtocolError):
        line.close()
        raise RendezvousError(
            f"the first host at {_shown(address)} hung up: look at its own output, whether the address is "
            f"that of another program, and whether {VARIABLE} is the same on every host"
        ) from None
    except RendezvousError:
        line.close()
        raise
    if isinstance(answer, JoinRefused):
        line.close()
        raise RendezvousError(shown_reason(answer.reason))
    if not token.is_proved(answer.proof, "leader", nonce):
        line.close()
        raise RendezvousError(
            f"who answers at {_shown(address)} does not know the token of this session: set {VARIABLE} to "
            "the same secret on every host"
        )
    leader = HostConnection(line, f"the first host ({launch.first})")
    return Follower(Hosts(launch.index, answer.addresses), leader)


class _Until:
    """Called before each read from the first host: waits for something to read. Raises RendezvousError."""

    def __init__(
        self, deadline: float, line: channel.Channel, address: tuple[str, int], wait_s: float
    ) -> None:
        self._deadline = deadline
        self._line = line
        self._address = address
        self._wait_s = wait_s

    def __call__(self) -> None:
        if not self._line.waiting(max(0.0, self._deadline - time.monotonic())):
            raise RendezvousError(
                f"the first host at {_shown(self._address)} did not answer within "
                f"{self._wait_s + EXTRA_REPLY_S:g} s: look at its own output, and whether another program "
                "has that port (--accel-coordinator=HOST:PORT on every host chooses another)"
            )


def shown_reason(reason: str) -> str:
    """A sentence that came over the network, as it can be printed."""
    return one_line(reason)[:2000]


def _check_same(ours: Facts, caller: _Host) -> None:
    """Raises RendezvousError for a host that is about to do something else."""
    for fact, here in ours.items():
        there = caller.facts.get(fact)
        if fact != "tests" and there != here:
            raise RendezvousError(
                f"{fact} differs: {here} on host 0, {shown(str(there))} on {caller.name}; it must be the "
                "same on every host"
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
    return ", ".join(map(shown, extra[:3])) + (f" and {len(extra) - 3} more" if len(extra) > 3 else "")


ALL_ADDRESSES = ""


def _listening(address: tuple[str, int], *, everywhere: bool) -> socket.socket:
    """At the address that the launcher names.

    A machine may know its own name as a loopback address, by which the others do not reach it, or not have
    the address by which they do: then at all of its addresses, if it may be ``everywhere``.
    """
    host, port = address
    if not everywhere:
        places = [host]
    elif _is_this_machine(host) and not _is_loopback(host):
        places = [ALL_ADDRESSES]
    else:
        places = [host, ALL_ADDRESSES]
    while True:
        place = places.pop(0)
        try:
            return _listener(place, port)
        except OSError as error:
            if not places or error.errno not in _NOT_HERE:
                raise RendezvousError(
                    f"the first host cannot listen at port {port}: {error.strerror or error}; give another "
                    "with --accel-coordinator=HOST:PORT on every host, unless two of them were given the "
                    "number 0"
                ) from None


_NOT_HERE = (errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_AGAIN, errno.EAFNOSUPPORT)


def _listener(host: str, port: int) -> socket.socket:
    if host == ALL_ADDRESSES:
        return socket.create_server((host, port))
    family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(place, family=family)


def _is_loopback(host: str) -> bool:
    """Whether this is written as an address of no other machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_this_machine(host: str) -> bool:
    """Whether nobody else can call there, as far as this machine knows."""
    if _is_loopback(host):
        return True
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback for *_, place in found)


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


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
