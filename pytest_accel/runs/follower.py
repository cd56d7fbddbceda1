"""Run a benchmark on a non-leader host, following the orders of the leader."""

from __future__ import annotations

import dataclasses
from collections import deque

import pytest

from pytest_accel.baselines import naming
from pytest_accel.hosts.connection import HostLost
from pytest_accel.hosts.coordinator import GRACE_S, Follower, RunAborted
from pytest_accel.hosts.messages import (
    AbandonRun,
    BenchmarkFinished,
    RunClosed,
    RunEnded,
    RunFailed,
    RunOrder,
    RunReply,
    StartRun,
)
from pytest_accel.records.run_errors import InvalidRun, Unmeasured
from pytest_accel.runs.worker_process.remote_test import PhaseReport, RemoteTest, TestEnded
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.worker import messages
from pytest_accel.worker.messages import Order


class FollowerRuns:
    """Follows the leader through all runs of ``run_spec``. ``reports`` are those of the last run here."""

    def __init__(self, run_spec: RunSpec, follower: Follower) -> None:
        self._run_spec = run_spec
        self._follower = follower
        self.reports: list[PhaseReport] = []
        self.subtests: list[pytest.TestReport] = []
        self.output = ""

    def run_until_done(self) -> BenchmarkFinished:
        """What the leader says of the benchmark in the end. Raises HostLost."""
        while True:
            match self._follower.next():
                case StartRun(test):
                    self._run(test)
                case BenchmarkFinished() as finished:
                    return finished
                case RunOrder() | AbandonRun():
                    pass  # of a run that has failed here already
                case other:
                    raise InvalidRun(f"the first host sent {type(other).__name__}, which is not due")

    def _run(self, test: str) -> None:
        self.reports, self.subtests, self.output = [], [], ""
        try:
            here = naming.display_name(self._run_spec.item)
            if test != here:
                raise InvalidRun(f"this host is at {here}, and the first at {test}")
            with self._run_spec.start_worker() as remote:
                try:
                    self._obey(remote)
                finally:
                    self.reports, self.subtests = remote.reports, remote.subtests
        except HostLost:
            raise
        except RunAborted:
            pass  # the leader says why at the end
        except InvalidRun as invalid:
            self.output = invalid.output
            self._follower.send(RunFailed(str(invalid), invalid.output))
        except Unmeasured as unmeasured:
            self._follower.send(RunEnded(str(unmeasured)))
        except TestEnded as ended:
            self._follower.send(RunEnded(str(ended), ended.phase.report.longreprtext))
        self._follower.send(RunClosed())

    def _obey(self, remote: RemoteTest) -> None:
        remote.begin(self._run_spec.accelerator, self._run_spec.options)
        self._follower.send(RunReply(messages.pack(remote.wait_for_request())))
        ordered: deque[Order] = deque()
        done = False
        while not done:
            if not ordered or (len(ordered) < 2 and _another_follows(ordered[-1])):
                ordered.append(self._passed_on(remote))
                continue
            kind = messages.REPLY_TO[type(ordered.popleft())]
            reply = remote.wait_for(kind)
            done = kind is messages.Done
            if done:
                remote.check_reports()
            self._follower.send(RunReply(messages.pack(reply)))

    def _passed_on(self, remote: RemoteTest) -> Order:
        """The leader's next order, which the process here has been given."""
        message = self._follower.next(self._run_spec.timeout_s + GRACE_S)
        if not isinstance(message, RunOrder):
            raise RunAborted("host 0 aborted this run")
        try:
            order = messages.unpack(message.order)
            if not isinstance(order, Order):
                raise messages.unexpected(order)
        except messages.ProtocolError as error:
            raise InvalidRun(f"from the first host: {error}") from None
        order = _without_folders(order)
        remote.send(order, doing=message.doing)
        return order


def _without_folders(order: Order) -> Order:
    """Where a host keeps something is its own business: none of them names a folder to another."""
    match order:
        case messages.StartTraining():
            return dataclasses.replace(order, checkpoints=None)
        case messages.Compile():
            return dataclasses.replace(order, cache=None)
    return order


def _another_follows(order: Order) -> bool:
    return isinstance(order, messages.TimeBlock) and order.ahead
