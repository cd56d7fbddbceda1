"""Fresh runs: every run is a child pytest session that runs the same test in a new process."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_accel import channel, codec
from pytest_accel.measure import Block, Prepared
from pytest_accel.records import Accelerator, Conditions, Run, Workload
from pytest_accel.samplers import InvalidRun, Unmeasured, command
from pytest_accel.samplers.child import Child, started
from pytest_accel.samplers.observe import Size, observe

OPTIONS_FOR_REPORTS = ("verbose", "tbstyle", "showlocals", "fulltrace", "runxfail", "log_level")
"""pytest's own options that change what a report says; the child's reports are shown as ours."""

NOT_FOUND = (
    "the process of the run did not find this test when it collected: a test must have the same name in "
    "every process, so its parameters may not come from options of plugins, the time or chance"
)


@dataclass(frozen=True)
class PhaseReport:
    """What a child reported of one phase of the test; ``raised`` says whether the phase was cut short."""

    report: pytest.TestReport
    raised: bool


class TestEnded(Exception):
    """The test itself failed, skipped or xfailed, in ``phase``; its reports say how."""

    __test__ = False

    def __init__(self, phase: PhaseReport) -> None:
        super().__init__(phase.report.longreprtext)
        self.phase = phase


class FreshRuns:
    """Gives runs of ``item``, each from a new process that ends within ``timeout_s``.

    ``size`` is asked when the workload is known. ``watch`` is given the process ids that are our own.
    ``options`` are the child's, by destination. ``reports`` are those of the last run, and ``output`` is
    what its process wrote, where that is all there is.
    """

    def __init__(
        self,
        item: pytest.Item,
        accelerator: Accelerator,
        size: Callable[[Workload], Size],
        watch: Callable[[frozenset[int]], Conditions],
        *,
        options: Mapping[str, Any],
        timeout_s: float,
    ) -> None:
        self._item = item
        self._accelerator = accelerator
        self._size = size
        self._watch = watch
        self._options = options
        self._timeout_s = timeout_s
        self._done = False
        self.reports: list[PhaseReport] = []
        self.output = ""

    def next(self) -> Run:
        """Raises InvalidRun, Unmeasured, or TestEnded where the test did not end normally."""
        self._done = False
        self.reports = []
        try:
            run = self._run()
        except InvalidRun as invalid:
            self.output = invalid.output
            raise
        self._check_reports()
        return run

    def _run(self) -> Run:
        spawned_at = time.time()
        arguments = command.arguments(self._item)
        environment = command.environment(self._accelerator.kind)
        folder = self._item.config.invocation_params.dir
        with started(arguments, environment, folder, self._timeout_s) as child:
            _check_protocol(child.receive())
            child.send(
                "settings",
                doing="collecting and setting up the test",
                test=self._item.nodeid.partition("::")[2],
                accelerator=codec.encode(self._accelerator),
                options=dict(self._options),
                spawned_at=spawned_at,
            )
            run = self._measured(child)
            self._until(child, "done")
        return run

    def _measured(self, child: Child) -> Run:
        plan = self._until(child, "plan")
        workload = codec.decode(Workload, plan["workload"])
        subject = _Remote(self, child)
        own = frozenset({os.getpid(), child.pid})
        try:
            steps = observe(
                subject,
                self._size(workload),
                startup_time_s=plan["startup_time_s"],
                watch=lambda: self._watch(own),
            )
        except pytest.exit.Exception:
            raise
        except Exception as problem:
            self._stop(child, str(problem))
            raise
        child.send("finish", doing="running the rest of the test", steps=codec.encode(steps))
        return Run(workload, steps, subject.provenance)

    def _stop(self, child: Child, reason: str) -> None:
        """Let a process that is well tear its fixtures down, though its measurement is of no use."""
        if child.alive and not self._done:
            with contextlib.suppress(InvalidRun):
                child.send("stop", doing="running the rest of the test", reason=reason)
                self._until(child, "done")
            self.reports = [
                PhaseReport(phase.report, phase.raised and phase.report.when == "teardown")
                for phase in self.reports
            ]

    def _until(self, child: Child, kind: str) -> channel.Message:
        """The next message of this kind; reports that come before it are kept."""
        while (message := child.receive())["kind"] != kind:
            match message["kind"]:
                case "report":
                    self._keep(message)
                case "exit":
                    pytest.exit(message["reason"], message["returncode"])
                case "broken":
                    raise InvalidRun(
                        f"pytest itself failed while {child.doing}: {_last_line(message['text'])}",
                        message["text"],
                    )
                case "done":
                    self._done = True
                    child.wait()
                    raise self._ended_early(child, kind)
                case other:
                    raise InvalidRun(f"the process sent {other!r} where {kind!r} was due", child.output)
        return message

    def _keep(self, message: channel.Message) -> None:
        config = self._item.config
        report = config.hook.pytest_report_from_serializable(config=config, data=message["report"])
        if isinstance(report.longrepr, list):
            report.longrepr = tuple(report.longrepr)  # a skip's place and reason; JSON has no tuples
        if isinstance(report, pytest.CollectReport):
            report = self._as_setup(report)
        self.reports.append(PhaseReport(report, message["raised"]))

    def _as_setup(self, report: pytest.CollectReport) -> pytest.TestReport:
        """What kept the file from being collected kept this test from being set up."""
        item = self._item
        return pytest.TestReport(
            item.nodeid, item.location, {}, report.outcome, report.longrepr, "setup", report.sections
        )

    def _check_reports(self) -> None:
        for phase in self.reports:
            if phase.raised:
                raise TestEnded(phase)

    def _ended_early(self, child: Child, due: str) -> Exception:
        self._check_reports()
        if not self.reports:
            return InvalidRun(NOT_FOUND, child.output)
        if due == "plan":
            return Unmeasured("the test made no measuring call")
        return InvalidRun(
            "the test ended before it was measured: let what a step raises leave the test", child.output
        )


class _Remote:
    """The measurement in a child, as something to observe."""

    def __init__(self, runs: FreshRuns, child: Child) -> None:
        self._runs = runs
        self._child = child
        self.provenance: Mapping[str, str] = {}

    def prepare(self) -> Prepared:
        self._child.send("prepare", doing="building, compiling or warming up")
        answer = self._runs._until(self._child, "prepared")
        self.provenance = answer["provenance"]
        return codec.decode(Prepared, answer["prepared"])

    def block(self, steps: int) -> Block:
        self._child.send("block", doing="training steps", steps=steps)
        return codec.decode(Block, self._runs._until(self._child, "block")["block"])


def _check_protocol(hello: channel.Message) -> None:
    if hello["protocol"] != channel.PROTOCOL:
        raise InvalidRun(
            f"the process speaks protocol {hello['protocol']}, this session {channel.PROTOCOL}: install the "
            "same pytest-accel on both sides"
        )


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
