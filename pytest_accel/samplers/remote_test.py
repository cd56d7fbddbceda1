"""A test that runs in a child: told what to do step by step, and its reports gathered."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_accel import channel, codec, why
from pytest_accel.coordinator import Coordinator
from pytest_accel.records import Accelerator, Observation, Workload
from pytest_accel.samplers import InvalidRun, Unmeasured, injection
from pytest_accel.samplers.all_hosts import merged
from pytest_accel.samplers.child import Child
from pytest_accel.samplers.environments import Environment

NOT_FOUND = (
    "the process of the run did not find this test when it collected: a test must have the same name in "
    "every process, so its parameters may not come from options of plugins, the time or chance"
)

LEAST_PYTHON = (3, 11)
LEAST_PYTEST = (8, 4)


@dataclass(frozen=True)
class PhaseReport:
    """What a child reported of one phase of the test; ``raised`` says whether the phase was cut short."""

    report: pytest.TestReport
    raised: bool


@dataclass(frozen=True)
class AskedTraining:
    """How long a convergence call trains, to what top-1, and with which seeds."""

    epochs: int
    target: float
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Announced:
    """What a measuring call asks for, ``training`` if that is convergence, and the time from start to it."""

    workload: Workload
    startup_time_s: float
    training: AskedTraining | None


class TestEnded(Exception):
    """The test itself failed, skipped or xfailed, in ``phase``; the message says why in one line."""

    __test__ = False

    def __init__(self, phase: PhaseReport) -> None:
        report = phase.report
        reason = why.skipped(report) if report.skipped else why.failed(report)
        super().__init__(f"the test {report.outcome} in {report.when}: {reason}")
        self.phase = phase


class RemoteTest:
    """``item`` in ``child``: begin, plan, what RemoteSteps or RemoteTraining ask for, finish.

    ``variables`` are set in the child before it loads anything. Every method raises InvalidRun where the
    child dies, hangs or talks nonsense, and TestEnded or Unmeasured where the test came to its own end.
    ``reports`` are those of the test so far.
    """

    def __init__(
        self,
        item: pytest.Item,
        child: Child,
        environment: Environment,
        variables: Mapping[str, str],
        coordinator: Coordinator,
    ) -> None:
        self._item = item
        self._coordinator = coordinator
        self._child = child
        self._environment = environment
        self._variables = variables
        self._done = False
        self._spawned_at = time.time()
        self.reports: list[PhaseReport] = []

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def on_several_hosts(self) -> bool:
        return self._coordinator.hosts is not None

    def begin(self, accelerator: Accelerator, options: Mapping[str, Any]) -> None:
        """Let the child collect the test and run it up to its measuring call, without waiting for that."""
        check(self._child.greeting())
        self._child.load(self._variables, injection.sources() if self._environment.injected else {})
        hello = self._child.receive()
        if hello["protocol"] != channel.PROTOCOL:
            raise InvalidRun(
                f"the process speaks protocol {hello['protocol']}, this session {channel.PROTOCOL}: install "
                "the same pytest-accel on both sides"
            )
        self._child.send(
            "settings",
            doing="collecting and setting up the test",
            test=self._item.nodeid.partition("::")[2],
            accelerator=codec.encode(accelerator),
            options=dict(options),
            hosts=codec.encode(self._coordinator.hosts),
            spawned_at=self._spawned_at,
        )

    def plan(self) -> Announced:
        """What the measuring call asks for."""
        plan = self.until("plan")
        training = plan["training"]
        return Announced(
            codec.decode(Workload, plan["workload"]),
            plan["startup_time_s"],
            None if training is None else codec.decode(AskedTraining, training),
        )

    def send(self, kind: str, *, doing: str, **fields: Any) -> None:
        """Give an order, to the children of all hosts."""
        self._coordinator.tell("order", order=kind, doing=doing, fields=fields)
        self._child.send(kind, doing=doing, **fields)

    def finish(self, observation: Observation) -> None:
        """Hand the observation to the test and let it go on to its end."""
        self.send("finish", doing="running the rest of the test", observation=codec.encode(observation))
        self.until("done")
        self._done = True

    def stop(self, reason: str) -> None:
        """Let a process that is well tear its fixtures down, though its measurement is of no use."""
        if self._child.alive and not self._done:
            with contextlib.suppress(InvalidRun, TestEnded, Unmeasured):
                self._child.send("stop", doing="running the rest of the test", reason=reason)
                self._next("done")
            self.reports = [
                PhaseReport(phase.report, phase.raised and phase.report.when == "teardown")
                for phase in self.reports
            ]

    def check_reports(self) -> None:
        """Raise TestEnded if the test was cut short."""
        for phase in self.reports:
            if phase.raised:
                raise TestEnded(phase)

    def until(self, kind: str) -> channel.Message:
        """The next message of this kind, from the children of all hosts; reports before it are kept."""
        own = self._next(kind)
        return merged([own, *self._coordinator.answers()])

    def _next(self, kind: str) -> channel.Message:
        child = self._child
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
                    raise self._ended_early(kind)
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

    def _ended_early(self, due: str) -> Exception:
        self.check_reports()
        if not self.reports:
            return InvalidRun(NOT_FOUND, self._child.output)
        if due == "plan":
            return Unmeasured("the test made no measuring call")
        return InvalidRun(
            "the test ended before it was measured: let what a step raises leave the test", self._child.output
        )


def check(greeting: Mapping[str, Any]) -> None:
    """Raise InvalidRun if the agent cannot work with what a child says it is."""
    executable, python, version = (greeting[name] for name in ("executable", "python", "pytest"))
    if tuple(python) < LEAST_PYTHON:
        raise InvalidRun(
            f"{executable} is Python {_dotted(python)}, and {_dotted(LEAST_PYTHON)} or newer is needed"
        )
    if version is None:
        raise InvalidRun(f"there is no pytest in it: {executable} -m pip install pytest")
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_PYTEST:
        raise InvalidRun(
            f"its pytest is {version}, and {_dotted(LEAST_PYTEST)} or newer is needed: "
            f"{executable} -m pip install --upgrade pytest"
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
