"""The lines between hosts, where one of them says nothing, or something else than was due."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from pytest_accel.hosts import connection, coordinator, messages
from pytest_accel.hosts.connection import HostConnection, HostLost
from pytest_accel.hosts.coordinator import Follower, Leader, RunAborted
from pytest_accel.records import Hosts
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import channel
from pytest_accel.worker.messages import Paused, Prepared, pack

HOSTS = Hosts(0, ("a:1", "b:2"))


@pytest.fixture
def ends(monkeypatch):
    """The first host's coordinator, and the other end of its line as a bare channel."""
    monkeypatch.setattr(coordinator, "HEARTBEAT_S", 3600.0)
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    leader = Leader(HOSTS, [HostConnection(ours, "host 1 (b)")])
    with contextlib.closing(leader), contextlib.closing(theirs):
        yield leader, theirs


def as_channel(end):
    outgoing = os.dup(end.fileno())
    return channel.Channel(end.detach(), outgoing)


def test_a_host_that_falls_silent_is_lost(ends, monkeypatch):
    leader, theirs = ends
    leader.check()
    monkeypatch.setattr(connection, "SILENCE_S", 0.0)

    with pytest.raises(HostLost, match=r"host 1 \(b\) has been silent for 0 s"):
        leader.check()
    theirs.send(messages.Alive())
    monkeypatch.setattr(connection, "SILENCE_S", 60.0)
    leader.check()


def test_a_heart_beats_while_nothing_else_is_said(monkeypatch):
    monkeypatch.setattr(coordinator, "HEARTBEAT_S", 0.01)
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    with contextlib.closing(Leader(HOSTS, [HostConnection(ours, "b")])), contextlib.closing(theirs):
        assert theirs.receive() == messages.Alive()


def test_a_host_that_ends_is_lost(ends):
    leader, theirs = ends
    theirs.close()

    with pytest.raises(HostLost, match="ended its session or lost the connection: see that host"):
        leader.check()
    with pytest.raises(HostLost):
        leader.tell(messages.StartRun("it"))


def test_what_was_said_before_the_end_still_counts(ends):
    leader, theirs = ends
    theirs.send(messages.RunReply(pack(Paused())))
    theirs.close()

    assert leader.replies(Paused) == [Paused()]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (messages.RunReply(pack(Paused())), r"host 1 \(b\) is at Paused, the first at Prepared"),
        (messages.RunReply({"kind": "Paused", "for": 3}), r"on host 1 \(b\): a message Paused does not have"),
        (messages.RunReply({"kind": "Dance"}), r"on host 1 \(b\): .* unknown kind: 'Dance'"),
        (messages.StartRun("it"), r"on host 1 \(b\): the message StartRun is not due here"),
    ],
)
def test_a_reply_that_is_not_due_is_an_error_at_once(ends, sent, said):
    leader, theirs = ends
    theirs.send(sent)
    with pytest.raises(InvalidRun, match=said):
        leader.replies(Prepared)


def test_a_failure_is_noticed_while_something_else_is_waited_for(ends):
    leader, theirs = ends
    theirs.send(messages.RunFailed("no disk left", "Traceback"))

    with pytest.raises(InvalidRun, match=r"on host 1 \(b\): no disk left") as failed:
        leader.check()
    assert failed.value.output == "Traceback"


def test_a_test_that_ended_elsewhere_may_end_in_the_same_way_here(ends, monkeypatch):
    leader, theirs = ends
    theirs.send(messages.RunEnded("the test skipped"))
    leader.check()

    monkeypatch.setattr(coordinator, "GRACE_S", 0.0)
    with pytest.raises(InvalidRun, match="the test skipped"):
        leader.check()


def test_rubbish_on_the_line_is_a_lost_host(ends):
    leader, theirs = ends
    os.write(theirs._outgoing, b"\0\0\0\4oops")

    with pytest.raises(HostLost):
        leader.check()


@pytest.mark.parametrize("patient", [False, True])
def test_what_the_first_host_gives_up_is_given_up_here(monkeypatch, patient):
    ours, theirs = (as_channel(end) for end in socket.socketpair())
    follower = Follower(Hosts(1, ("a:1", "b:2")), HostConnection(ours, "the first host"))
    with contextlib.closing(follower), contextlib.closing(theirs):
        follower.check()
        theirs.send(messages.AbandonRun(patient))
        if patient:
            follower.check()
            monkeypatch.setattr(coordinator, "GRACE_S", 0.0)
        with pytest.raises(RunAborted):
            follower.check()
