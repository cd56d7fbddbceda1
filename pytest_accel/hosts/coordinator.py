"""Several hosts agree: the leader decides and tells the others, who do the same at the same time.

Each host has a pytest session. The leader's orders to its own worker process go to all hosts, where a
session hands them to its own process; what the processes reply comes back to the leader. A host that is gone,
or whose test failed, is noticed while waiting for anything, so that nobody waits in a collective for what
cannot come: whoever waits ends its process.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pytest_accel.hosts import messages
from pytest_accel.hosts.connection import HostConnection, HostLost
from pytest_accel.records import Hosts
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker.messages import Message, ProtocolError, Reply, unexpected, unpack

HEARTBEAT_S = 2.0
GRACE_S = 10.0
"""A test that ends early on one host, such as by a skip, may do so later on others."""

AReply = TypeVar("AReply", bound=Reply)


class RunAborted(InvalidRun):
    """The leader gave this run up."""


class SingleHost:
    """The session of one host, which has nobody to tell.

    ``hosts`` is None. ``still_running`` names the hosts on which the test was still running when it ended
    here. ``is_leader``: whether this session reads and writes baselines, judges and reports.
    """

    hosts: Hosts | None = None
    still_running: Sequence[str] = ()
    is_leader = True

    def check(self) -> None:
        """Called while anything is waited for. Raises InvalidRun if it cannot come."""

    def running(self, test: str) -> contextlib.AbstractContextManager[None]:
        """A run of ``test`` on all hosts. Raises InvalidRun."""
        return contextlib.nullcontext()

    def tell(self, message: Message) -> None:
        """Send this to the other hosts. Raises HostLost."""

    def benchmark_finished(self, finished: messages.BenchmarkFinished) -> None:
        """Tell the other hosts the result. A host that is gone is noticed at the next benchmark."""

    def replies(self, kind: type[AReply]) -> list[AReply]:
        """What the processes of the other hosts reply to the last order. Raises InvalidRun."""
        return []

    def close(self) -> None:
        pass


class Leader(SingleHost):
    """The first host's end of the connections with all others."""

    def __init__(self, hosts: Hosts, followers: Sequence[HostConnection]) -> None:
        self.hosts = hosts
        self._followers = followers
        self._heartbeat = _Heartbeat(followers)

    def check(self) -> None:
        for follower in self._followers:
            received = follower.peek()
            if received is None:
                continue
            ended = isinstance(received.message, messages.RunEnded)
            # The test may be about to end in the same way here, which then is not a failure.
            if not (ended and time.monotonic() < received.at_s + GRACE_S):
                _raise_if_failed(follower, received.message)

    @contextlib.contextmanager
    def running(self, test: str) -> Iterator[None]:
        self.tell(messages.StartRun(test))
        try:
            yield
        except BaseException as problem:
            # Where the test ended by itself it may be about to do so on other hosts.
            patient = not isinstance(problem, InvalidRun)
            for follower in self._followers:
                with contextlib.suppress(HostLost):
                    follower.send(messages.AbandonRun(patient))
            self.still_running = [each.name for each in self._followers if not self._ended_too(each)]
            raise
        for follower in self._followers:
            self._until_closed(follower)

    def tell(self, message: Message) -> None:
        lost: list[HostLost] = []
        for follower in self._followers:
            try:
                follower.send(message)
            except HostLost as problem:
                lost.append(problem)
        if lost:
            raise lost[0]

    def benchmark_finished(self, finished: messages.BenchmarkFinished) -> None:
        with contextlib.suppress(HostLost):
            self.tell(finished)

    def replies(self, kind: type[AReply]) -> list[AReply]:
        return [self._reply(follower, kind) for follower in self._followers]

    def close(self) -> None:
        self._heartbeat.stop()
        for follower in self._followers:
            follower.close()

    def _reply(self, follower: HostConnection, kind: type[AReply]) -> AReply:
        while follower.wait() is None:
            self.check()
        message = follower.take()
        _raise_if_failed(follower, message)
        try:
            if not isinstance(message, messages.RunReply):
                raise unexpected(message)
            reply = unpack(message.reply)
        except ProtocolError as error:
            raise InvalidRun(f"on {follower.name}: {error}") from None
        if not isinstance(reply, kind):
            raise InvalidRun(f"{follower.name} is at {type(reply).__name__}, the first at {kind.__name__}")
        return reply

    def _until_closed(self, follower: HostConnection) -> list[Message]:
        """What it still sent."""
        sent: list[Message] = []
        while not sent or not isinstance(sent[-1], messages.RunClosed):
            while follower.wait() is None:
                pass
            sent.append(follower.take())
        return sent

    def _ended_too(self, follower: HostConnection) -> bool:
        """Return whether the test ended by itself there, too."""
        try:
            return any(isinstance(sent, messages.RunEnded) for sent in self._until_closed(follower))
        except HostLost:
            return False


class Follower(SingleHost):
    """Another host's end of its connection with the leader. Its own process has nobody else to tell."""

    is_leader = False

    def __init__(self, hosts: Hosts, leader: HostConnection) -> None:
        self.hosts = hosts
        self._leader = leader
        self._heartbeat = _Heartbeat([leader])

    def check(self) -> None:
        received = self._leader.peek()
        if received is None or not isinstance(received.message, messages.AbandonRun):
            return
        if not (received.message.patient and time.monotonic() < received.at_s + GRACE_S):
            raise RunAborted("host 0 aborted this run")

    def next(self, within_s: float = math.inf) -> Message:
        """What the leader sends next. Raises HostLost if that takes longer, though the leader is alive."""
        begin = time.monotonic()
        while self._leader.wait() is None:
            if time.monotonic() - begin > within_s:
                raise HostLost(
                    f"{self._leader.name} has given no order for {within_s:.0f} s (--accel-timeout, and "
                    f"{GRACE_S:.0f} s more): look at its own output"
                )
        return self._leader.take()

    def send(self, message: Message) -> None:
        """To the leader. Raises HostLost."""
        self._leader.send(message)

    def close(self) -> None:
        self._heartbeat.stop()
        self._leader.close()


def _raise_if_failed(host: HostConnection, message: Message) -> None:
    if isinstance(message, messages.RunFailed | messages.RunEnded):
        raise InvalidRun(f"on {host.name}: {message.reason}", message.output)


class _Heartbeat:
    """Tells all these hosts that this session is alive, whatever it is at."""

    def __init__(self, others: Sequence[HostConnection]) -> None:
        self._others = others
        self._stopped = threading.Event()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_S):
            for other in self._others:
                with contextlib.suppress(HostLost):
                    other.send(messages.Alive())
