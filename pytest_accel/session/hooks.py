"""The hooks of a session that has benchmarks: a result for each, and reports at the end."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from pytest_accel import hardware
from pytest_accel.analysis.formatting import count, duration
from pytest_accel.analysis.rules import next_steps
from pytest_accel.api.expected_failures import may_be_expected_to_fail
from pytest_accel.api.fixtures import uses_accel
from pytest_accel.api.settings import Settings
from pytest_accel.baselines import naming
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.gate.derived_metrics import priced, scaled
from pytest_accel.gate.environment_gate import EnvironmentGate
from pytest_accel.gate.forecast import forecast
from pytest_accel.hardware import slow_settings
from pytest_accel.hardware.slow_settings import SlowSetting
from pytest_accel.hosts.coordinator import Follower, Leader, SingleHost
from pytest_accel.hosts.messages import BenchmarkFinished
from pytest_accel.records import Accelerator, Conditions, NextStep, Outcome, Result, Verdict
from pytest_accel.reports import github, junit, pytest_benchmark, report_files, terminal
from pytest_accel.runs.worker_process import end_reason
from pytest_accel.runs.worker_process.environments import Environment
from pytest_accel.session.next_command import next_command
from pytest_accel.session.preparation import Preparation
from pytest_accel.worker.step_timer import CLOCK

ALL_SKIPPED = (
    "every benchmark was skipped, so nothing was gated, and strict mode fails the session: run on hardware "
    "that the benchmarks ask for, or pass --no-accel-strict"
)


NOT_RECORDED_XFAIL = (
    "nothing is stored, and a test that is marked xfail records nothing: remove the mark, or give it a "
    "condition that is False here (not a text)"
)

ENDED_EARLY = (
    "the session was ended early as if all were well ({why}), and strict mode fails it: let nothing call "
    "pytest.exit, or pass --no-accel-strict"
)


def _no_pause(_seconds: float) -> None:
    """On a fake clock no time passes."""


def _shorten(report: pytest.TestReport, outcome: Outcome) -> None:
    """Leave the name of the exception out of pytest's short summary: at 80 columns every word counts."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and crash.message.startswith(f"Failed: {outcome}: "):
        crash.message = crash.message.removeprefix("Failed: ")


class BenchmarkSession:
    """A pytest plugin, registered once the tests are selected and a benchmark is among them.

    ``tells_pytest_benchmark`` lets that plugin show and save what was measured.
    """

    def __init__(self, prepared: Preparation, *, tells_pytest_benchmark: bool) -> None:
        self._prepared = prepared
        self._tells_pytest_benchmark = tells_pytest_benchmark
        self._results: dict[str, Result] = {}
        self._complaints: list[str] = []
        self._items: dict[str, pytest.Item] = {}
        self._written: tuple[Path, ...] = ()
        self._began_s = time.monotonic()
        self._summarized = False
        self._was_ended = False

    @property
    def accelerator(self) -> Accelerator:
        return self._prepared.accelerator

    @property
    def coordinator(self) -> SingleHost | Leader | Follower:
        return self._prepared.coordinator

    @property
    def reference(self) -> Environment | None:
        """The environment to compare with."""
        return self._prepared.reference

    @property
    def topology(self) -> str | None:
        """What to compile for; None where benchmarks run."""
        return self._prepared.settings.topology

    @property
    def is_out_of_time(self) -> bool:
        """Whether the session has used its budget: what runs is finished, and nothing new begins."""
        budget_s = self._prepared.settings.session_budget
        return budget_s is not None and time.monotonic() - self._began_s > budget_s

    def out_of_time_result(self, item: pytest.Item) -> Result:
        """Return the result of a benchmark that did not fit any more."""
        reason = (
            f"not measured: the session has used its {self._prepared.settings.session_budget:g} s "
            "(--accel-session-budget)"
        )
        next_step = next_steps.WITHOUT_SESSION_BUDGET
        return Result(item.nodeid, Verdict(Outcome.INCONCLUSIVE, reason, next_step=next_step))

    def settings_of(self, item: pytest.Item) -> Settings:
        """Those of a benchmark; one that is marked xfail is expected to fail, so it records nothing."""
        asked = self._asked(item)
        if may_be_expected_to_fail(item):
            return dataclasses.replace(asked, update_baselines=False, record_missing=False)
        return asked

    def _asked(self, item: pytest.Item) -> Settings:
        return self._prepared.benchmarks[naming.display_name(item)]

    def baseline_gate(
        self,
        item: pytest.Item,
        on_progress: Callable[[Verdict], None] = lambda _verdict: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> BaselineGate:
        """``on_progress`` is called with the provisional verdict while more runs are needed.

        ``pause`` waits that many seconds; on a fake clock nothing does.
        """
        return BaselineGate(
            naming.benchmark(item, self._prepared.store.folder),
            naming.display_name(item),
            self._gate_context(item),
            on_progress,
            pause=_no_pause if CLOCK in item.config.stash else pause,
            is_out_of_time=lambda: self.is_out_of_time,
        )

    def environment_gate(self, item: pytest.Item, on_progress: Callable[[Verdict], None]) -> EnvironmentGate:
        """``on_progress`` is as in :meth:`baseline_gate`."""
        assert self.reference is not None
        return EnvironmentGate(
            naming.display_name(item),
            self._gate_context(item),
            self.reference.name,
            on_progress,
            is_out_of_time=lambda: self.is_out_of_time,
        )

    def _gate_context(self, item: pytest.Item) -> GateContext:
        prepared = self._prepared
        return GateContext(
            prepared.accelerator,
            self.settings_of(item),
            prepared.store,
            len(prepared.benchmarks),
            prepared.floors,
            prepared.project,
        )

    def sample_conditions(self, own_pids: frozenset[int] = frozenset()) -> Conditions:
        return hardware.conditions(self.accelerator.kind, own_pids)

    def conclude(self, item: pytest.Item, result: Result, output: str = "") -> Result:
        """Complete the result of a benchmark, record it here, and tell the other hosts.

        ``output`` is for other hosts: what the process wrote that failed.
        """
        prepared = self._prepared
        if result.verdict.outcome is Outcome.NO_BASELINE and self.settings_of(item) != self._asked(item):
            verdict = dataclasses.replace(result.verdict, reason=NOT_RECORDED_XFAIL, next_step=None)
            result = dataclasses.replace(result, verdict=verdict)
        if self.accelerator.devices > 1:
            benchmark = naming.benchmark(item, prepared.store.folder)
            result = scaled(result, benchmark, self.accelerator.devices, prepared.single_device)
        if prepared.price is not None:
            result = priced(result, prepared.price)
        self.coordinator.benchmark_finished(BenchmarkFinished(result, output=output))
        return self.keep_result(item, result)

    def keep_result(self, item: pytest.Item, result: Result) -> Result:
        """Keep the result of a benchmark for the reports, under the name that it has here."""
        result = dataclasses.replace(result, nodeid=naming.display_name(item))
        result = self._with_next_command(item, result)
        self._results[result.nodeid] = result
        if self._tells_pytest_benchmark:
            pytest_benchmark.export(item, result)
        # A test that is run again has one outcome, the last.
        others = [one for one in item.user_properties if not one[0].startswith(junit.PREFIX)]
        item.user_properties[:] = [*others, *junit.properties(result)]
        return result

    def _with_next_command(self, item: pytest.Item, result: Result) -> Result:
        """On several hosts there is none: it would have to be typed where they were launched."""
        step = result.verdict.next_step
        if step is None or self.coordinator.hosts is not None:
            return result
        return dataclasses.replace(result, next_command=next_command(item, step))

    def fail_if_needed(self, item: pytest.Item, result: Result) -> None:
        """Fail the test if the outcome says so."""
        verdict = result.verdict
        if verdict.outcome.fails(strict=self.settings_of(item).strict):
            pytest.fail(f"{verdict.outcome}: {verdict.reason}", pytrace=False)

    def pytest_report_collectionfinish(
        self, config: pytest.Config, items: Sequence[pytest.Item]
    ) -> list[str]:
        if config.getoption("collectonly") and config.get_verbosity() < 0:
            return []  # that list of tests is for other programs to read
        prepared = self._prepared
        hardware = terminal.hardware_line(self.accelerator, prepared.price, against=prepared.settings.against)
        if config.getoption("collectonly"):
            return [hardware]
        return [hardware, f"accel: {self._forecast(items)}"]

    def _forecast(self, items: Sequence[pytest.Item]) -> str:
        """How long the session will take."""
        store, against = self._prepared.store, self._prepared.settings.against
        expected = [
            (
                self.settings_of(item),
                None if against is not None else store.find(naming.benchmark(item, store.folder)),
            )
            for item in items
            if naming.display_name(item) in self._prepared.benchmarks
        ]
        budget_s = self._prepared.settings.session_budget
        limit = "" if budget_s is None else f", ended after {duration(budget_s)} (--accel-session-budget)"
        return forecast(expected, self.accelerator.kind) + limit

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if uses_accel(item):
            self._results.pop(naming.display_name(item), None)
            missing = self._unmet_requirement(self.settings_of(item))
            if missing:
                pytest.skip(missing)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        name = naming.display_name(item)
        if name in self._prepared.benchmarks:
            vars(report)["accel_benchmark"] = name  # node ids of files outside rootdir are not unique
            self._items[name] = item
        result = self._results.get(name)
        if result is not None:
            if hasattr(report, "wasxfail") and report.outcome == "skipped":
                self._results[name] = dataclasses.replace(result, is_expected_to_fail=True)
            vars(report)["accel_outcome"] = result.verdict.outcome.value
            _shorten(report, result.verdict.outcome)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a result for tests that were skipped or failed on their own, so none is missing."""
        name = vars(report).get("accel_benchmark")
        if isinstance(name, str) and name in self._prepared.benchmarks and name not in self._results:
            if report.skipped:
                self._add_result(name, Outcome.SKIPPED, end_reason.skipped(report))
            elif report.failed:
                reason = f"the test itself failed: {end_reason.failed(report)}"
                self._add_result(name, Outcome.INVALID, reason, self._step_after_failure(name))
        if report.when == "teardown" and name in self._results:
            # pytest's JUnit report takes properties from here; those of a verdict are among them already.
            known = dict(report.user_properties)
            properties = junit.properties(self._results[name])
            report.user_properties += [pair for pair in properties if pair[0] not in known]

    def pytest_report_teststatus(self, report: pytest.TestReport) -> object:
        return terminal.teststatus(report)

    def pytest_keyboard_interrupt(self) -> None:
        """Also called for ``pytest.exit``, which may ask for any exit status."""
        self._was_ended = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        outcomes = {result.verdict.outcome for result in self._results.values()}
        if outcomes == {Outcome.SKIPPED} and self._prepared.settings.strict:
            self._complain(session, ALL_SKIPPED, pytest.ExitCode.TESTS_FAILED)
        missing = len(self._prepared.benchmarks.keys() - self._results.keys())
        as_if_well = self._was_ended and session.exitstatus == pytest.ExitCode.OK
        if as_if_well and self._prepared.settings.strict and (missing or session.testsfailed):
            why = f"{count(missing, 'benchmark')} not measured, {count(session.testsfailed, 'test')} failed"
            self._complain(session, ENDED_EARLY.format(why=why), pytest.ExitCode.TESTS_FAILED)
        if self.coordinator.is_leader and not session.config.getoption("collectonly"):
            written = self._write_reports()
            self._written = written.paths
            for complaint in written.complaints:
                self._complain(session, complaint, pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._summarized = True
        results, strict = list(self._results.values()), self._prepared.settings.strict
        terminal.write(terminalreporter, results)
        for slow in self._slow_settings():
            terminalreporter.write_line(
                f"accel: slow setting: {slow.description}: {slow.remedy}", yellow=True
            )
        for complaint in self._complaints:
            terminalreporter.write_line(f"accel: {complaint}", red=True)
        if self.coordinator.is_leader:
            for line in github.error_commands(results, self._source_location, strict=strict):
                terminalreporter.write_line(line)
        if results:
            terminalreporter.write_line(self._closing_line(terminalreporter.config))

    def _source_location(self, name: str) -> tuple[str, int]:
        return naming.source_location(self._prepared.items[name])

    def _slow_settings(self) -> list[SlowSetting]:
        """Each once, whichever benchmarks have it."""
        if self._prepared.settings.topology is not None:
            return []  # nothing runs
        measured = {name: result for name, result in self._results.items() if result.runs and result.workload}
        found = slow_settings.of_process() if measured else []
        found += slow_settings.of_steps({name: each.provenance for name, each in measured.items()})
        for result in measured.values():
            assert result.workload is not None
            found += slow_settings.of_run(self.accelerator.kind, result.workload.framework, result.provenance)
        return list(dict.fromkeys(found))

    def _closing_line(self, config: pytest.Config) -> str:
        prepared, seconds = self._prepared, time.monotonic() - self._began_s
        reference = terminal.reference(self.accelerator, against=prepared.settings.against)
        reports = [os.path.relpath(path, config.invocation_params.dir) for path in self._written]
        return terminal.closing_line(list(self._results.values()), seconds, reference, reports)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._results and not self._summarized:
            self.pytest_terminal_summary(reporter)  # pytest leaves it out where a signal ended the session
        self.coordinator.close()

    def _step_after_failure(self, name: str) -> NextStep | None:
        asked = self._prepared.settings
        alone = asked.against is None and asked.topology is None and not asked.in_process
        return next_steps.HERE if alone and name in self._items else None

    def _add_result(
        self, name: str, outcome: Outcome, reason: str, next_step: NextStep | None = None
    ) -> None:
        result = Result(name, Verdict(outcome, reason, next_step=next_step))
        self._results[name] = self._with_next_command(self._items[name], result) if next_step else result

    def _complain(self, session: pytest.Session, message: str, status: pytest.ExitCode) -> None:
        """In strict mode an error; else the result of the session is that of its tests."""
        self._complaints.append(message)
        if session.exitstatus == pytest.ExitCode.OK and self._prepared.settings.strict:
            session.exitstatus = status

    def _write_reports(self) -> report_files.Written:
        prepared, results = self._prepared, list(self._results.values())
        return report_files.write(
            prepared.reports,
            prepared.accelerator,
            prepared.price,
            prepared.project,
            results,
            against=prepared.settings.against,
            folder=prepared.store.folder,
            strict=prepared.settings.strict,
        )

    def _unmet_requirement(self, asked: Settings) -> str | None:
        """What a benchmark asks of the hardware and this machine does not have."""
        here = self.accelerator
        if asked.kinds and here.kind not in asked.kinds:
            return f"requires {' or '.join(asked.kinds)}; this session runs on {here.kind}"
        if here.devices < asked.min_devices:
            return f"needs {asked.min_devices} devices, and this machine has {here.devices}"
        if here.memory_bytes is not None and here.memory_bytes < asked.min_memory:
            needed, there = asked.min_memory / 1e9, here.memory_bytes / 1e9
            return f"needs {needed:.10g} GB a device, and here a device has {there:.1f} GB"
        return None
