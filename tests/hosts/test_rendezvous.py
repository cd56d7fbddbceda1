"""Hosts that meet: real sockets of this machine, a thread a host."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.several_hosts import free_ports

from pytest_accel.hosts import rendezvous
from pytest_accel.hosts.connection import HostLost
from pytest_accel.hosts.launcher import LaunchInfo
from pytest_accel.hosts.rendezvous import RendezvousError, join

FACTS = {"pytest-accel": "0.1.0", "hardware": "8 x H100", "tests": ["a.py::one", "a.py::two"]}
LONG_ENOUGH_S = 30.0


@pytest.fixture
def address():
    return ("127.0.0.1", free_ports(1))


def launch(index, count=2, addresses=()):
    return LaunchInfo("JAX_PROCESS_ID", index, count, "127.0.0.1", 8476, addresses)


@contextlib.contextmanager
def meeting_of(address, hosts, wait_s=LONG_ENOUGH_S):
    """What each host comes to, given its launch and its facts: its coordinator, or why not."""

    def one(host):
        here, facts = host
        try:
            return stack.enter_context(contextlib.closing(join(here, facts, address, wait_s)))
        except RendezvousError as problem:
            return str(problem)

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(hosts)) as pool:
        yield list(pool.map(one, hosts))


def test_hosts_learn_each_others_addresses(address):
    with meeting_of(address, [(launch(index, 3), FACTS) for index in range(3)]) as found:
        for index, coordinator in enumerate(found):
            assert coordinator.hosts.index == index
            assert coordinator.hosts.addresses == ("127.0.0.1:8476", "127.0.0.1:8477", "127.0.0.1:8478")
        assert [coordinator.is_leader for coordinator in found] == [True, False, False]


def test_addresses_that_the_launcher_gave_are_kept(address):
    given = ("a:2222", "b:2222")

    with meeting_of(address, [(launch(index, addresses=given), FACTS) for index in range(2)]) as found:
        assert {coordinator.hosts.addresses for coordinator in found} == {given}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"pytest-accel": "0.2.0"}, "pytest-accel differs: 0.1.0 on host 0, 0.2.0 on host 1 ("),
        ({"hardware": "4 x H100"}, "hardware differs: 8 x H100 on host 0, 4 x H100 on host 1 ("),
        (
            {"tests": ["a.py::one"]},
            "selected other benchmarks than the first host (only on the first: a.py::two)",
        ),
        (
            {"tests": ["a.py::one", *(f"b.py::{number}" for number in range(5))]},
            "(only there: b.py::0, b.py::1, b.py::2 and 2 more; only on the first: a.py::two)",
        ),
        (
            {"tests": ["a.py::two", "a.py::one"]},
            "selected other benchmarks than the first host (in another order)",
        ),
    ],
)
def test_hosts_that_are_about_to_differ_are_told_in_what(address, other, said):
    with meeting_of(address, [(launch(0), FACTS), (launch(1), {**FACTS, **other})]) as found:
        for problem in found:
            assert said in problem
            assert "host 1 (" in problem


def test_who_calls_and_is_no_host_is_left_alone(address):
    """A health check that opens and closes, and a browser."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            with connected(address) as stranger:
                stranger.sendall(said)
        second = join(launch(1), FACTS, address, LONG_ENOUGH_S)

        assert second.hosts.index == 1
        second.close()
        first.result().close()


@pytest.mark.parametrize(("strangers", "said"), [(20, b""), (1, b"\0\0\0\x10{")])
def test_who_calls_and_says_nothing_or_half_of_it_is_left_alone(address, monkeypatch, strangers, said):
    monkeypatch.setattr(rendezvous, "STALLED_S", 1)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        for _ in range(strangers):
            stack.enter_context(connected(address)).sendall(said)
        second = join(launch(1), FACTS, address, LONG_ENOUGH_S)

        assert second.hosts.index == 1
        second.close()
        first.result().close()


def test_a_host_that_stops_in_the_middle_of_a_message_is_lost(address, monkeypatch):
    monkeypatch.setattr(rendezvous, "STALLED_S", 1)
    with meeting_of(address, [(launch(0), FACTS), (launch(1), FACTS)]) as (first, second):
        os.write(second._leader._connection._outgoing, b"\0\0\0\x10{")
        with pytest.raises(HostLost, match="ended its session or lost the connection"):
            watch(first)


def watch(coordinator):
    deadline = time.monotonic() + LONG_ENOUGH_S
    while time.monotonic() < deadline:
        coordinator.check()


def connected(address):
    while True:
        try:
            return socket.create_connection(address, timeout=LONG_ENOUGH_S)
        except ConnectionRefusedError:
            pass


def test_a_port_that_is_taken_is_named(address):
    with (
        socket.create_server(address),
        pytest.raises(RendezvousError, match=f"cannot listen at port {address[1]}") as no,
    ):
        join(launch(0), FACTS, address, 1.0)

    assert "--accel-coordinator=HOST:PORT on every host" in str(no.value)


def test_another_program_at_the_address_is_told_from_the_first_host(address):
    with socket.create_server(address) as server, ThreadPoolExecutor(1) as pool:

        def hang_up():
            connection, _ = server.accept()
            connection.close()

        pool.submit(hang_up)
        with pytest.raises(RendezvousError, match="hung up: look at its own output, and whether the address"):
            join(launch(1), FACTS, address, LONG_ENOUGH_S)


def test_a_first_host_that_does_not_answer(address, monkeypatch):
    monkeypatch.setattr(rendezvous, "EXTRA_REPLY_S", 0.1)
    with socket.create_server(address), pytest.raises(RendezvousError, match=r"did not answer within 0\.3 s"):
        join(launch(1), FACTS, address, 0.2)


def test_who_is_missing_is_named(address):
    with meeting_of(address, [(launch(0, 4), FACTS), (launch(2, 4), FACTS)], wait_s=1.0) as found:
        for problem in found:
            assert "host 1, 3 of 4 (indices start at 0) did not connect within 1 s" in problem
