"""Messages between processes and hosts: each arrives as it was sent, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hosts import messages as host_messages
from pytest_accel.records import Accelerator, Kind, Steps, Workload
from pytest_accel.worker import messages
from pytest_accel.worker.messages import Message, ProtocolError

ALL = [
    each
    for module in (messages, host_messages)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Message) and dataclasses.is_dataclass(each)
]


def sent(message):
    return messages.unpack(json.loads(json.dumps(messages.pack(message))))


def test_there_are_messages_and_each_order_has_its_reply():
    assert len(ALL) > 30
    orders = {each for each in ALL if issubclass(each, messages.Order)}
    assert messages.REPLY_TO.keys() == orders
    assert all(issubclass(reply, messages.Reply) for reply in messages.REPLY_TO.values())
    assert len({each.__name__ for each in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_hints_of_a_message_can_be_read(kind):
    assert typing.get_type_hints(kind) is not None
    assert kind.__doc__


@given(st.integers(1, 10**6), st.booleans(), st.text())
def test_a_message_arrives_as_it_was_sent(steps, ahead, reason):
    for message in (messages.TimeBlock(steps, ahead), messages.Stop(reason), messages.Pause()):
        assert sent(message) == message


def test_records_inside_a_message_arrive():
    accelerator = Accelerator("pool", Kind.TPU, "v2", 8, "2x2", memory_bytes=2**33)
    start = messages.StartTest(
        "test_it",
        {"size": "3"},
        compared=True,
        xfail=(),
        options={"verbose": 1},
        conftest_options=(messages.ConftestOption(("--size",), None), messages.ConftestOption(("-x",), "?")),
        silent=("rerunfailures",),
        accelerator=accelerator,
        hosts=None,
        spawned_at=1.5,
    )
    assert sent(start) == start
    steps = Steps((0.1, 0.2), 3, 1.0, 2.0, 3.0, 4.0, 5, None, (0.5,))
    assert sent(messages.Finish(steps)) == messages.Finish(steps)
    request = messages.BenchmarkRequest(
        Workload("w", "jax", 8), 2.5, messages.TrainingRequest(3, 0.9, (0, 1))
    )
    assert sent(request) == request


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "is not a message"),
        ([], "is not a message"),
        ({}, "is not a message"),
        ({"kind": 7}, "is not a message"),
        ({"kind": "Dance"}, "unknown kind: 'Dance'"),
        ({"kind": "Message"}, "unknown kind: 'Message'"),
        ({"kind": "Order"}, "unknown kind: 'Order'"),
        ({"kind": "ConftestOption", "spellings": [], "nargs": None}, "unknown kind: 'ConftestOption'"),
        ({"kind": "TimeBlock"}, "a message TimeBlock does not have its fields: steps: missing"),
        ({"kind": "TimeBlock", "steps": "3", "ahead": False}, "steps: an integer expected"),
        ({"kind": "Pause", "for": 3}, "for: unknown field of Pause"),
    ],
)
def test_what_is_not_a_message_is_refused(data, said):
    with pytest.raises(ProtocolError, match=said):
        messages.unpack(data)
