"""Hosts that meet: real sockets of this machine, a thread a host."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.several_hosts import free_ports

from pytest_accel.hosts import callers, rendezvous
from pytest_accel.hosts.connection import HostLost
from pytest_accel.hosts.launcher import LaunchInfo
from pytest_accel.hosts.rendezvous import RendezvousError, join
from pytest_accel.hosts.token import Token

FACTS = {"pytest-accel": "0.1.0", "hardware": "8 x H100", "tests": ["a.py::one", "a.py::two"]}
LONG_ENOUGH_S = 30.0
SECRET = "0123456789abcdef"


@pytest.fixture
def address():
    return ("127.0.0.1", free_ports(1))


def launch(index, count=2, addresses=()):
    return LaunchInfo("JAX_PROCESS_ID", index, count, "127.0.0.1", 8476, addresses)


@contextlib.contextmanager
def meeting_of(address, hosts, wait_s=LONG_ENOUGH_S, token=None):
    """What each host comes to, given its launch and its facts: its coordinator, or why not."""

    def one(host):
        here, facts = host
        try:
            return stack.enter_context(contextlib.closing(join(here, facts, address, wait_s, token)))
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


def framed(text: bytes) -> bytes:
    return b"\xacPTA" + len(text).to_bytes(4) + text


def request(**changes) -> bytes:
    fields = {"kind": "Join", "index": 1, "name": "b", "facts": FACTS, "nonce": "1", "proof": ""} | changes
    return framed(json.dumps(fields).encode())


STRANGERS = {
    "nothing": b"",
    "half a header": b"\xacPT",
    "half a message": b"\xacPTA\0\0\0\x10{",
    "a length of control characters": b"\7\7\7\7",
    "a browser": b"GET / HTTP/1.1\r\n\r\n",
    "a message that is too long": b"\xacPTA\x7f\0\0\0" + b"x" * 1000,
    "nested brackets": framed(b"[" * 100_000),
    "another message": framed(b'{"kind": "Alive"}'),
    "no name": framed(b'{"kind": "Join", "index": 1}'),
    "no facts": request(facts={}),
    "facts that are none": request(facts=[1]),
    "tests that are none": request(facts={"tests": [1]}),
    "a boolean index": request(index=True),
    "more than a request": request() + b"x",
}


@pytest.mark.parametrize("said", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("secret", [None, SECRET])
def test_strangers_neither_end_nor_delay_a_session(address, monkeypatch, said, secret):
    monkeypatch.setattr(callers, "CALLER_S", 3600)  # a host that waited for one of them would be too late
    token = Token(secret)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S, token)
        for _ in range(20):
            stranger = stack.enter_context(connected(address))
            with contextlib.suppress(OSError):  # it may have been dropped in the middle
                stranger.sendall(said)
        second = join(launch(1), FACTS, address, LONG_ENOUGH_S, token)
        assert second.hosts.index == 1
        second.close()
        first.result().close()


def test_more_strangers_than_are_heard_at_once(address, monkeypatch):
    monkeypatch.setattr(callers, "MAX_CALLERS", 16)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        for _ in range(100):
            stack.enter_context(connected(address))
        second = join(launch(1), FACTS, address, LONG_ENOUGH_S)
        assert second.hosts.index == 1
        second.close()
        first.result().close()


def test_who_sends_a_byte_now_and_then_is_dropped(address, monkeypatch):
    monkeypatch.setattr(callers, "CALLER_S", 0.5)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        with connected(address) as stranger, pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_slowly(stranger, request())
        join(launch(1), FACTS, address, LONG_ENOUGH_S).close()
        first.result().close()


def send_slowly(stranger, said):
    for byte in said:
        stranger.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("index", [0, 7, -1])
def test_a_number_that_no_host_can_have_is_refused_and_the_others_are_waited_for(address, index):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        with connected(address) as stranger:
            stranger.sendall(request(index=index))
            assert b"uses a host index that is taken or out of range" in everything_from(stranger)
        join(launch(1), FACTS, address, LONG_ENOUGH_S).close()
        first.result().close()


def everything_from(connection) -> bytes:
    connection.settimeout(LONG_ENOUGH_S)
    return b"".join(iter(lambda: connection.recv(2**16), b""))


def test_a_host_with_a_number_out_of_range_ends_a_session_that_has_a_token(address):
    with meeting_of(address, [(launch(0), FACTS), (launch(5, 6), FACTS)], token=Token(SECRET)) as found:
        assert ["out of range" in problem for problem in found] == [True, True]


def test_hosts_that_know_the_token_meet(address):
    hosts = [(launch(index, 3), FACTS) for index in range(3)]
    with meeting_of(address, hosts, token=Token(SECRET)) as found:
        assert [coordinator.hosts.index for coordinator in found] == [0, 1, 2]


@pytest.mark.parametrize(("here", "there"), [(SECRET, None), (SECRET, "0123456789abcdeX")])
def test_a_host_that_does_not_know_the_token_is_kept_out_and_its_address_named(address, here, there):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launch(0), FACTS, address, 2.0, Token(here))
        with pytest.raises(
            RendezvousError, match=r"hung up: .* PYTEST_ACCEL_TOKEN is the same on every host"
        ):
            join(launch(1), FACTS, address, LONG_ENOUGH_S, Token(there))
        with pytest.raises(
            RendezvousError, match=r"Callers with another token, or none: 127\.0\.0\.1; PYTEST"
        ):
            first.result()


def test_a_first_host_that_does_not_know_the_token_is_an_impostor(address):
    with ThreadPoolExecutor(2) as pool:
        pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S, Token())
        with pytest.raises(RendezvousError, match="does not know the token of this session"):
            join(launch(1), FACTS, address, LONG_ENOUGH_S, Token(SECRET))


def test_the_token_itself_is_never_sent(address):
    heard = []
    with socket.create_server(address) as server, ThreadPoolExecutor(1) as pool:

        def listen():
            connection, _ = server.accept()
            connection.sendall(framed(b'{"kind": "Challenge", "nonce": "00"}'))
            heard.append(connection.recv(2**16))
            connection.close()

        pool.submit(listen)
        with pytest.raises(RendezvousError, match="hung up"):
            join(launch(1), FACTS, address, LONG_ENOUGH_S, Token(SECRET))
    assert b"proof" in heard[0]
    assert SECRET.encode() not in heard[0]


@pytest.mark.parametrize("index", [0, 1])
def test_without_a_token_hosts_meet_on_this_machine_only(index):
    elsewhere = ("192.0.2.1", 8475)  # an address of documentation: nobody's
    with pytest.raises(RendezvousError, match="set PYTEST_ACCEL_TOKEN to the same secret on every host"):
        join(launch(index), FACTS, elsewhere, 0.1)


def test_in_a_network_that_is_trusted_no_token_is_needed():
    port = free_ports(1)
    with pytest.raises(RendezvousError, match="did not connect within"):
        join(launch(0), FACTS, ("192.0.2.1", port), 0.1, trusts_network=True)


def test_names_that_come_over_the_network_are_shown_as_text(address):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(join, launch(0), FACTS, address, LONG_ENOUGH_S)
        with connected(address) as stranger:
            other = {**FACTS, "hardware": "\x1b[31mred\x1b[0m"}
            stranger.sendall(request(name="\x1b[2Jb\n::error::", facts=other))
            with pytest.raises(RendezvousError) as problem:
                first.result()
    assert str(problem.value).isprintable()


def test_a_host_that_stops_in_the_middle_of_a_message_is_lost(address, monkeypatch):
    monkeypatch.setattr(rendezvous, "STALLED_S", 1)
    with meeting_of(address, [(launch(0), FACTS), (launch(1), FACTS)]) as (first, second):
        os.write(second._leader._connection._outgoing, b"\xacPTA\0\0\0\x10{")
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
        with pytest.raises(RendezvousError, match="hung up: look at its own output, whether the address"):
            join(launch(1), FACTS, address, LONG_ENOUGH_S)


def test_a_first_host_that_does_not_answer(address, monkeypatch):
    monkeypatch.setattr(rendezvous, "EXTRA_REPLY_S", 0.1)
    with socket.create_server(address), pytest.raises(RendezvousError, match=r"did not answer within 0\.3 s"):
        join(launch(1), FACTS, address, 0.2)


def test_who_is_missing_is_named(address):
    with meeting_of(address, [(launch(0, 4), FACTS), (launch(2, 4), FACTS)], wait_s=1.0) as found:
        for problem in found:
            assert "host 1, 3 of 4 (indices start at 0) did not connect within 1 s" in problem
