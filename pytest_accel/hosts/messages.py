"""Every message between the sessions of several hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_accel.records import Result
from pytest_accel.worker.messages import Message


@dataclass(frozen=True)
class Challenge(Message):
    """The leader's first word to whoever calls: ``nonce`` is a number that was never used before."""

    nonce: str


@dataclass(frozen=True)
class Join(Message):
    """A host calls the leader. ``facts`` are what has to be the same on all hosts.

    ``proof`` shows that it knows the token, ``nonce`` asks the leader to show the same.
    """

    index: int
    name: str
    facts: Any
    nonce: str
    proof: str


@dataclass(frozen=True)
class Welcome(Message):
    addresses: tuple[str, ...]
    proof: str


@dataclass(frozen=True)
class JoinRefused(Message):
    reason: str


@dataclass(frozen=True)
class Alive(Message):
    """Sent while there is nothing else to say."""


@dataclass(frozen=True)
class StartRun(Message):
    """All hosts start a process for this test."""

    test: str


@dataclass(frozen=True)
class RunOrder(Message):
    """An order for the processes of all hosts, packed; ``doing`` is what it makes them do, for messages."""

    order: Any
    doing: str


@dataclass(frozen=True)
class AbandonRun(Message):
    """The leader gives this run up. ``patient``: the test may be about to end by itself elsewhere, too."""

    patient: bool


@dataclass(frozen=True)
class BenchmarkFinished(Message):
    """The result on all hosts, or how the test ended without one, and the output to show with it."""

    result: Result | None
    ended: str = ""
    output: str = ""


@dataclass(frozen=True)
class RunReply(Message):
    """What the process of a follower answered, packed."""

    reply: Any


@dataclass(frozen=True)
class RunFailed(Message):
    """The run of a follower cannot be used."""

    reason: str
    output: str = ""


@dataclass(frozen=True)
class RunEnded(Message):
    """The test ended by itself on a follower."""

    reason: str
    output: str = ""


@dataclass(frozen=True)
class RunClosed(Message):
    """Nothing is left of a follower's process."""
