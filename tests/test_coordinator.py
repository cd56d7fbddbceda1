"""The lines between hosts, where one of them says nothing, or something else than was due."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from pytest_accel.hosts import connection, coordinator
from pytest_accel.hosts.connection import HostLost, Line
from pytest_accel.hosts.coordinator import Abandoned, First, Other
from pytest_accel.records import Hosts
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import channel

HOSTS = Hosts(0, ("a:1", "b:2"))


@pytest.fixture
def ends(monkeypatch):
    """The first host's coordinator, and the other end of its line as a bare channel."""
    monkeypatch.setattr(coordinator, "HEARTBEAT_S", 3600.0)
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    first = First(HOSTS, [Line(ours, "host 1 (b)")])
    with contextlib.closing(first), contextlib.closing(theirs):
        yield first, theirs


def as_channel(end):
    outgoing = os.dup(end.fileno())
    return channel.Channel(end.detach(), outgoing)


def test_a_host_that_falls_silent_is_lost(ends, monkeypatch):
    first, theirs = ends
    first.check()
    monkeypatch.setattr(connection, "SILENCE_S", 0.0)

    with pytest.raises(HostLost, match=r"host 1 \(b\) was not heard of for 0 s"):
        first.check()
    theirs.send("alive")
    monkeypatch.setattr(connection, "SILENCE_S", 60.0)
    first.check()


def test_a_heart_beats_while_nothing_else_is_said(monkeypatch):
    monkeypatch.setattr(coordinator, "HEARTBEAT_S", 0.01)
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    with contextlib.closing(First(HOSTS, [Line(ours, "b")])), contextlib.closing(theirs):
        assert theirs.receive() == {"kind": "alive"}


def test_a_host_that_ends_is_lost(ends):
    first, theirs = ends
    theirs.close()

    with pytest.raises(HostLost, match="ended its session or was lost: look at its own output"):
        first.check()
    with pytest.raises(HostLost):
        first.tell("begin", test="it")


def test_what_was_said_before_the_end_still_counts(ends):
    first, theirs = ends
    theirs.send("answer", answer={"kind": "plan"})
    theirs.close()

    assert first.answers() == [{"kind": "plan"}]


def test_a_failure_is_noticed_while_something_else_is_waited_for(ends):
    first, theirs = ends
    theirs.send("failed", reason="no disk left", output="Traceback")

    with pytest.raises(InvalidRun, match=r"on host 1 \(b\): no disk left") as failed:
        first.check()
    assert failed.value.output == "Traceback"


def test_a_test_that_ended_elsewhere_may_end_in_the_same_way_here(ends, monkeypatch):
    first, theirs = ends
    theirs.send("ended", reason="the test skipped", output="")
    first.check()

    monkeypatch.setattr(coordinator, "GRACE_S", 0.0)
    with pytest.raises(InvalidRun, match="the test skipped"):
        first.check()


def test_rubbish_on_the_line_is_a_lost_host(ends):
    first, theirs = ends
    os.write(theirs._outgoing, b"\0\0\0\4oops")

    with pytest.raises(HostLost):
        first.check()


@pytest.mark.parametrize("patient", [False, True])
def test_what_the_first_host_gives_up_is_given_up_here(monkeypatch, patient):
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    other = Other(Hosts(1, ("a:1", "b:2")), Line(ours, "the first host"))
    with contextlib.closing(other), contextlib.closing(theirs):
        other.check()
        theirs.send("abort", patient=patient)
        if patient:
            other.check()
            monkeypatch.setattr(coordinator, "GRACE_S", 0.0)
        with pytest.raises(Abandoned):
            other.check()
