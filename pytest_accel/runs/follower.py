"""What a host other than the first does with a benchmark: as the first says, in a child of its own."""

from __future__ import annotations

from collections import deque

import pytest

from pytest_accel.baselines import naming
from pytest_accel.hosts.connection import HostLost, Message
from pytest_accel.hosts.coordinator import Abandoned, Other
from pytest_accel.records.run_errors import InvalidRun, Unmeasured
from pytest_accel.runs.worker_process.remote_test import PhaseReport, RemoteTest, TestEnded
from pytest_accel.runs.worker_process.run_spec import Task

ANSWERS = {
    "prepare": "prepared",
    "block": "block",
    "pause": "paused",
    "describe": "described",
    "begin": "begun",
    "epoch": "epoch",
    "finish": "done",
    "stop": "done",
}
"""What the child answers to an order."""


class Following:
    """Follows the first host through all runs of ``task``. ``reports`` are those of the last run here."""

    def __init__(self, task: Task, coordinator: Other) -> None:
        self._task = task
        self._first = coordinator
        self.reports: list[PhaseReport] = []
        self.subtests: list[pytest.TestReport] = []
        self.output = ""

    def to_the_end(self) -> Message:
        """What the first host says when it is done with the benchmark. Raises HostLost."""
        while True:
            message = self._first.next()
            match message["kind"]:
                case "begin":
                    self._run(message["test"])
                case "over":
                    return message
                case _:
                    pass  # orders for a run that has failed here already

    def _run(self, test: str) -> None:
        self.reports, self.subtests, self.output = [], [], ""
        try:
            here = naming.shown(self._task.item)
            if test != here:
                raise InvalidRun(f"this host is at {here}, and the first at {test}")
            with self._task.started() as remote:
                try:
                    self._obey(remote)
                finally:
                    self.reports, self.subtests = remote.reports, remote.subtests
        except HostLost:
            raise
        except Abandoned:
            pass  # the first host says why at the end
        except InvalidRun as invalid:
            self.output = invalid.output
            self._failed(str(invalid), invalid.output)
        except Unmeasured as unmeasured:
            self._failed(str(unmeasured), kind="ended")
        except TestEnded as ended:
            self._failed(str(ended), ended.phase.report.longreprtext, kind="ended")
        self._first.say("closed")

    def _obey(self, remote: RemoteTest) -> None:
        remote.begin(self._task.accelerator, self._task.options)
        self._first.say("answer", answer=remote.until("plan"))
        ordered: deque[Message] = deque()
        answered = "plan"
        while answered != "done":
            if not ordered or (len(ordered) < 2 and ordered[-1]["fields"].get("ahead")):
                ordered.append(self._passed_on(remote))
                continue
            answered = ANSWERS[ordered.popleft()["order"]]
            answer = remote.until(answered)
            if answered == "done":
                remote.check_reports()
            self._first.say("answer", answer=answer)

    def _passed_on(self, remote: RemoteTest) -> Message:
        """The first host's next order, which the child has been given."""
        message = self._first.next()
        if message["kind"] != "order":
            raise Abandoned("the first host gave this run up")
        remote.send(message["order"], doing=message["doing"], **message["fields"])
        return message

    def _failed(self, reason: str, output: str = "", *, kind: str = "failed") -> None:
        self._first.say(kind, reason=reason, output=output)
