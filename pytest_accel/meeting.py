"""How the sessions of several hosts find each other, and whether they are about to do the same.

The first host listens, the others call. What is exchanged is JSON, unencrypted, in the network that the
frameworks' own collectives use.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accel import channel
from pytest_accel.coordinator import First, Line, Other
from pytest_accel.launched import Launched
from pytest_accel.records import Hosts

MEETING_S = 300.0
"""How long hosts wait for each other: containers of one job start minutes apart."""

RETRY_S = 0.2

Facts = Mapping[str, Any]
"""What has to be the same on all hosts, in words. ``tests`` is a list of the selected benchmarks."""


class NotMet(Exception):
    """The hosts cannot work together; the message says why, and the way out."""


def met(here: Launched, facts: Facts, address: tuple[str, int], wait_s: float) -> First | Other:
    """The coordinator of this host, once all are there and agree. Raises NotMet.

    ``address`` is where the first host listens.
    """
    if here.index == 0:
        return _first(here, facts, address, wait_s)
    return _other(here, facts, address, wait_s)


def _first(here: Launched, facts: Facts, address: tuple[str, int], wait_s: float) -> First:
    lines: dict[int, tuple[channel.Channel, str]] = {}
    hosts: dict[int, str] = {0: here.first}
    refusal: str | None = None
    deadline = time.monotonic() + wait_s
    with _listening(address) as listener:
        while len(lines) < here.count - 1:
            listener.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                connection, (peer, *_) = listener.accept()
            except TimeoutError:
                missing = ", ".join(str(i) for i in range(1, here.count) if i not in lines)
                refusal = (
                    f"host {missing} of {here.count} (counted from 0) did not come within {wait_s:g} s: "
                    f"start the same command on every host; the first listens at {_shown(address)}"
                )
                break
            line = _line(connection)
            hello = _greeting(line, deadline)
            if hello is None:
                line.close()  # a port scanner, a health check
                continue
            index, name = hello["index"], f"host {hello['index']} ({hello['name']})"
            if index in lines or not 0 < index < here.count:
                refusal = f"{name} came where another is host {index} already: give each its own number"
                lines[-1] = (line, name)
                break
            lines[index], hosts[index] = (line, name), str(peer)
            refusal = refusal or _difference(facts, hello["facts"], name)
    if refusal is not None:
        for line, _ in lines.values():
            with contextlib.suppress(channel.Closed):
                line.send("refused", reason=refusal)
            line.close()
        raise NotMet(refusal)
    addresses = here.addresses or tuple(_address(hosts[i], here.port + i) for i in range(here.count))
    for line, _ in lines.values():
        with contextlib.suppress(channel.Closed):  # who is gone is noticed at the first benchmark
            line.send("welcome", addresses=list(addresses))
    return First(Hosts(0, addresses), [Line(*lines[index]) for index in sorted(lines)])


def _other(here: Launched, facts: Facts, address: tuple[str, int], wait_s: float) -> Other:
    deadline = time.monotonic() + wait_s
    line = _called(address, deadline, wait_s)
    try:
        line.send("hello", index=here.index, name=socket.gethostname(), facts=dict(facts))
        while not line.waiting(max(0.0, deadline - time.monotonic())):
            line.close()
            raise NotMet(f"the first host at {_shown(address)} did not answer within {wait_s:g} s")
        answer = line.receive()
    except (channel.Closed, channel.Garbled):
        raise NotMet(
            f"the first host at {_shown(address)} hung up: look at its own output, and whether the address "
            "is that of another program"
        ) from None
    if answer["kind"] == "refused":
        line.close()
        raise NotMet(answer["reason"])
    hosts = Hosts(here.index, tuple(answer["addresses"]))
    return Other(hosts, Line(line, f"the first host ({here.first})"))


def _difference(ours: Facts, theirs: Facts, name: str) -> str | None:
    """In what another host is about to do something else, None if in nothing."""
    for fact, here in ours.items():
        there = theirs.get(fact)
        if there == here:
            continue
        if fact != "tests":
            return f"{name} has {fact} {there}, and the first host {here}: let all hosts have the same"
        only_there, only_here = _only(there, here), _only(here, there)
        parts = [f"only there: {only_there}"] * bool(only_there) + [f"only on the first: {only_here}"] * bool(
            only_here
        )
        return (
            f"{name} selected other benchmarks than the first host ({'; '.join(parts) or 'another order'}): "
            "start the same command, in the same version of the project, on every host"
        )
    return None


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
        raise NotMet(
            f"the first host cannot listen at port {port}: {error.strerror or error}; give another with "
            "--accel-coordinator=HOST:PORT on every host"
        ) from None


def _called(address: tuple[str, int], deadline: float, wait_s: float) -> channel.Channel:
    while True:
        try:
            return _line(socket.create_connection(address, timeout=max(0.1, deadline - time.monotonic())))
        except OSError as error:
            if time.monotonic() > deadline:
                raise NotMet(
                    f"nobody answers at {_shown(address)} within {wait_s:g} s ({error.strerror or error}): "
                    "start the same command on the first host, which waits for the others that long as well"
                ) from None
        time.sleep(RETRY_S)


def _line(connection: socket.socket) -> channel.Channel:
    connection.settimeout(None)
    # A message is sent when it is there, not when the one before was acknowledged.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    outgoing = os.dup(connection.fileno())
    return channel.Channel(connection.detach(), outgoing)


def _greeting(line: channel.Channel, deadline: float) -> dict[str, Any] | None:
    """What somebody who called says, None if that is not one of us."""
    try:
        if not line.waiting(min(10.0, max(0.0, deadline - time.monotonic()))):
            return None
        hello = line.receive()
    except (channel.Closed, channel.Garbled):
        return None
    ours = isinstance(hello, dict) and hello.get("kind") == "hello" and isinstance(hello.get("index"), int)
    return hello if ours and isinstance(hello.get("facts"), dict) else None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shown(address: tuple[str, int]) -> str:
    return _address(*address)


