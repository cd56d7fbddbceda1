"""A test that runs in a worker: sends it one order after another, and gathers its reports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from pytest_accel.analysis import formatting
from pytest_accel.hosts.coordinator import SingleHost
from pytest_accel.hosts.merge_answers import merged
from pytest_accel.hosts.messages import RunOrder
from pytest_accel.records import Accelerator, Observation, parameters
from pytest_accel.records.run_errors import InvalidRun, Unmeasured
from pytest_accel.runs.worker_process import (
    end_reason,
    pytest_command,
    requirements,
    withheld_options,
    worker_warnings,
)
from pytest_accel.runs.worker_process.environments import Environment
from pytest_accel.runs.worker_process.process import WorkerProcess
from pytest_accel.worker import messages
from pytest_accel.worker.environment_facts import Files, Surroundings
from pytest_accel.worker.messages import BenchmarkRequest, Order, Reply
from pytest_accel.worker.step_timer import CLOCK

AReply = TypeVar("AReply", bound=Reply)

NOT_FOUND = (
    "the worker process did not find this test when it collected: a test must have the same name in "
    "every process, hooks may not rename or add it in the session only, and parameters may not come from the "
    "time or from chance"
)

OTHER_PARAMETERS = (
    "in the worker process this name stands for other parameters ({differing}): give parametrize a list "
    "in a fixed order, not a set, and ids that say what each one is"
)


@dataclass(frozen=True)
class PhaseReport:
    """What a worker reported of one phase of the test; ``raised`` says whether the phase was cut short."""

    report: pytest.TestReport
    raised: bool


class TestEnded(Exception):
    """The test itself failed, skipped or xfailed, in ``phase``; the message says why in one line."""

    __test__ = False

    def __init__(self, phase: PhaseReport) -> None:
        report = phase.report
        reason = end_reason.skipped(report) if report.skipped else end_reason.failed(report)
        super().__init__(f"the test {report.outcome} in {report.when}: {reason}")
        self.phase = phase


class PytestFailed(InvalidRun):
    """An error outside of any test ended the pytest session of a run."""


class RemoteTest:
    """``item`` in ``worker``: begin, plan, what RemoteSteps or RemoteTraining ask for, finish.

    Every method raises InvalidRun where the worker dies, hangs or talks nonsense, and TestEnded or Unmeasured
    where the test ended by itself. ``reports`` are those of the test so far, ``subtests`` those of its
    subtests. ``compared`` says that environments are.
    """

    def __init__(
        self,
        item: pytest.Item,
        worker: WorkerProcess,
        environment: Environment,
        coordinator: SingleHost,
        *,
        compared: bool = False,
    ) -> None:
        self._compared = compared
        self._item = item
        self._coordinator = coordinator
        self._worker = worker
        self._environment = environment
        self._done = False
        self._spawned_at = time.time()
        self.reports: list[PhaseReport] = []
        self.subtests: list[pytest.TestReport] = []
        self.provenance: Mapping[str, str] = {}
        self.code: Files = {}

    @property
    def pid(self) -> int:
        return self._worker.pid

    @property
    def has_real_clock(self) -> bool:
        """Whether the worker's clock goes as that of this session does."""
        return CLOCK not in self._item.config.stash

    @property
    def on_several_hosts(self) -> bool:
        return self._coordinator.hosts is not None

    def begin(
        self, accelerator: Accelerator, options: Mapping[str, Any], *, only_start: bool = False
    ) -> None:
        """Let the worker collect the test and run it up to its measuring call, without waiting for that.

        ``only_start``: the session begins, collects nothing and ends.
        """
        requirements.check(self._worker.greeting(), self._item.config.inipath)
        self._worker.load()
        hello = self._worker.receive()
        if not isinstance(hello, messages.Hello):
            raise InvalidRun(str(messages.unexpected(hello)), self._worker.output)
        if not self._environment.foreign:
            pytest_command.keep_path(self._item.config, hello.sys_path)
        start = messages.StartTest(
            test=None if only_start else self._item.nodeid.partition("::")[2],
            parameters=parameters.of_item(self._item)[0],
            compared=self._compared,
            xfail=tuple(repr((mark.args, mark.kwargs)) for mark in self._item.iter_markers("xfail")),
            options={**pytest_command.options(self._item.config), **options},
            conftest_options=pytest_command.conftest_options(self._item.config),
            silent=withheld_options.SILENT_PLUGINS,
            accelerator=accelerator,
            hosts=self._coordinator.hosts,
            spawned_at=self._spawned_at,
        )
        self._worker.send(start, doing="collecting and setting up the test")

    def wait_for_request(self) -> BenchmarkRequest:
        """What the measuring call asks for."""
        return self.wait_for(BenchmarkRequest)

    def surroundings(self) -> Surroundings:
        """What the environment is, of a session that only starts."""
        return self.wait_for(messages.EnvironmentDescribed).surroundings

    def send(self, order: Order, *, doing: str) -> None:
        """Give an order, to the processes of all hosts."""
        self._coordinator.tell(RunOrder(messages.pack(order), doing))
        self._worker.send(order, doing=doing)

    def describe(self) -> None:
        """Ask what was measured with: ``provenance``, and ``code`` where environments are compared."""
        self.send(messages.Describe(), doing="naming what it was measured with")
        described = self.wait_for(messages.Described)
        self.provenance, self.code = described.provenance, described.code

    def finish(self, observation: Observation) -> None:
        """Hand the observation to the test and let it go on to its end."""
        self.send(messages.Finish(observation), doing="running the rest of the test")
        self.wait_for(messages.Done)
        self._done = True
        self._count_failed_subtests()

    def stop(self, reason: str) -> None:
        """Let a process that is well tear its fixtures down, though its measurement is of no use."""
        if self._worker.alive and not self._done:
            with contextlib.suppress(InvalidRun, TestEnded, Unmeasured):
                self._worker.send(messages.Stop(reason), doing="running the rest of the test")
                self._next(messages.Done)
            self.reports = [
                PhaseReport(phase.report, phase.raised and phase.report.when == "teardown")
                for phase in self.reports
            ]

    def check_reports(self) -> None:
        """Raise TestEnded if the test was cut short."""
        for phase in self.reports:
            if phase.raised:
                raise TestEnded(phase)

    def wait_for(self, kind: type[AReply]) -> AReply:
        """The next message of this kind, from the processes of all hosts; reports before it are kept."""
        return merged([self._next(kind), *self._coordinator.replies(kind)])

    def _next(self, kind: type[AReply]) -> AReply:
        worker = self._worker
        while not isinstance(message := worker.receive(), kind):
            match message:
                case messages.PhaseReported(report, raised):
                    self._keep(report, raised=raised)
                case messages.SubtestReported(report):
                    self._keep_subtest(report)
                case messages.WarningRecorded():
                    if not self._environment.foreign:
                        worker_warnings.forward(self._item, message)
                case messages.OtherParameters(differing):
                    raise InvalidRun(OTHER_PARAMETERS.format(differing=", ".join(differing)))
                case messages.ExitRequested(reason, returncode):
                    pytest.exit(reason, returncode)
                case messages.PytestBroke(text):
                    raise PytestFailed(
                        f"a hook or plugin of pytest failed while {worker.doing}: {_last_line(text)}", text
                    )
                case messages.Done():
                    self._done = True
                    self._count_failed_subtests()
                    worker.wait()
                    raise self._ended_early(kind)
                case other:
                    raise InvalidRun(
                        f"the process sent {type(other).__name__} where {kind.__name__} was due",
                        worker.output,
                    )
        return message

    def _keep(self, serialized: Any, *, raised: bool) -> None:
        report = self._report(serialized)
        if isinstance(report, pytest.CollectReport):
            report = self._as_setup(report)
        self.reports.append(PhaseReport(report, raised))

    def _report(self, serialized: Any) -> pytest.TestReport | pytest.CollectReport:
        config = self._item.config
        report: pytest.TestReport | pytest.CollectReport = config.hook.pytest_report_from_serializable(
            config=config, data=serialized
        )
        if isinstance(report.longrepr, list):
            report.longrepr = tuple(report.longrepr)  # a skip's place and reason; JSON has no tuples
        return report

    def _keep_subtest(self, serialized: Any) -> None:
        report = self._report(serialized)
        if isinstance(report, pytest.TestReport):
            report.nodeid = self._item.nodeid
            self.subtests.append(report)

    def _count_failed_subtests(self) -> None:
        """A test fails with its subtests, as pytest itself has it."""
        failed = sum(report.failed for report in self.subtests)
        for index, phase in enumerate(self.reports):
            if failed and phase.report.when == "call" and phase.report.passed:
                phase.report.outcome = "failed"
                phase.report.longrepr = f"contains {formatting.count(failed, 'failed subtest')}"
                self.reports[index] = PhaseReport(phase.report, raised=True)

    def _as_setup(self, report: pytest.CollectReport) -> pytest.TestReport:
        """What kept the file from being collected kept this test from being set up."""
        item = self._item
        return pytest.TestReport(
            item.nodeid, item.location, {}, report.outcome, report.longrepr, "setup", report.sections
        )

    def _ended_early(self, due: type[Reply]) -> Exception:
        self.check_reports()
        if not self.reports:
            return InvalidRun(NOT_FOUND, self._worker.output)
        if due is BenchmarkRequest:
            return Unmeasured("the test made no measuring call")
        return InvalidRun(
            "the test ended before it was measured: let what a step raises leave the test",
            self._worker.output,
        )


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
