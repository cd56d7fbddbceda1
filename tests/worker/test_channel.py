"""The line between a session and its child."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.hosts.messages import RunOrder
from pytest_accel.worker import channel
from pytest_accel.worker.messages import (
    BlockTimed,
    Pause,
    ProtocolError,
    Stop,
    SubtestReported,
    TimeBlock,
)
from pytest_accel.worker.step_timer import TimedBlock

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@contextlib.contextmanager
def both_ends():
    ours, *theirs = channel.pair()
    with contextlib.closing(ours), contextlib.closing(channel.Channel(*theirs)) as end:
        yield ours, end


@pytest.fixture
def ends():
    with both_ends() as (ours, theirs):
        yield ours, theirs


@given(value=JSON)
@settings(max_examples=50, deadline=None)
def test_what_is_sent_is_received(value):
    with both_ends() as (ours, theirs):
        ours.send(RunOrder(value, "measuring"))
        theirs.send(SubtestReported(value))

        assert theirs.receive() == RunOrder(value, "measuring")
        assert ours.receive() == SubtestReported(value)


def test_messages_come_one_by_one_and_in_order(ends):
    ours, theirs = ends
    for number in range(20):
        ours.send(TimeBlock(number, ahead=False))

    assert [theirs.receive().steps for _ in range(20)] == list(range(20))


def test_a_message_may_be_larger_than_any_buffer(ends):
    ours, theirs = ends
    text = "x" * 20_000_000
    sender = threading.Thread(target=ours.send, args=(SubtestReported(text),))
    sender.start()

    received = theirs.receive().report
    sender.join()

    assert received == text


def test_numbers_that_are_none_and_broken_text_arrive(ends):
    ours, theirs = ends

    sent = BlockTimed(TimedBlock(1.0, float("inf"), None))
    ours.send(sent)
    ours.send(Stop("\udcff\x00"))

    assert theirs.receive() == sent
    assert theirs.receive() == Stop("\udcff\x00")


def test_what_json_has_no_word_for_arrives_as_text(ends):
    ours, theirs = ends

    ours.send(SubtestReported({"path": Path("a/b"), "number": complex(1, 2), (): "no key of JSON's"}))

    assert theirs.receive() == SubtestReported({"path": "a/b", "number": "(1+2j)"})


def test_waiting_tells_whether_there_is_something_to_receive(ends):
    ours, theirs = ends

    assert not theirs.waiting(0)
    ours.send(Pause())
    assert theirs.waiting(0)


def test_the_end_of_the_line_is_told_after_what_was_sent_before(ends):
    ours, theirs = ends
    ours.send(Pause())
    ours.close()

    assert theirs.waiting(0)
    assert theirs.receive() == Pause()
    with pytest.raises(channel.ChannelClosed):
        theirs.receive()
    with pytest.raises(channel.ChannelClosed):
        theirs.send(Pause())


def test_the_own_end_may_be_closed_at_any_time(ends):
    ours, _ = ends
    ours.close()

    with pytest.raises(channel.ChannelClosed):
        ours.send(Pause())
    with pytest.raises(channel.ChannelClosed):
        ours.receive()


def test_a_line_of_text_goes_before_the_messages(ends):
    ours, theirs = ends
    text = "x" * 500_000  # more than a pipe holds
    sender = threading.Thread(target=lambda: (ours.send_line(text), ours.send(Pause())))
    sender.start()

    line = b""
    while not line.endswith(b"\n"):
        line += theirs.receive_byte()
    sender.join()

    assert line.decode() == f"{text}\n"
    assert theirs.receive() == Pause()


def test_a_line_of_text_cannot_go_to_nobody_nor_come_from_nobody(ends):
    ours, theirs = ends
    theirs.close()

    with pytest.raises(channel.ChannelClosed):
        ours.send_line("too late")
    with pytest.raises(channel.ChannelClosed):
        ours.receive_byte()


@pytest.mark.parametrize(
    "noise", [b"late noise\n", b"\n\n\n\n", b"\t\t\t\t", "äöü".encode() * 4, b"\0\0\0\4{{{{"]
)
def test_what_somebody_else_writes_is_no_message_and_not_waited_for(ends, noise):
    ours, theirs = ends
    os.write(theirs._outgoing, noise)

    with pytest.raises(ProtocolError):
        ours.receive()


def test_the_child_takes_its_end_from_the_environment_and_hands_it_on_to_nobody(monkeypatch):
    ours, *theirs = channel.pair()
    monkeypatch.setenv(channel.VARIABLE, " ".join(map(str, theirs)))

    with contextlib.closing(ours), contextlib.closing(channel.from_environment()) as end:
        ours.send(Pause())

        assert end.receive() == Pause()
        assert not any(map(os.get_inheritable, theirs))
        assert channel.VARIABLE not in os.environ
