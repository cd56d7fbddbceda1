"""The hooks of a session that has benchmarks: checks before the first, a result each, reports at the end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_accel import hardware
from pytest_accel.analysis import scaling
from pytest_accel.analysis.formatting import quantity
from pytest_accel.analysis.metrics import steps
from pytest_accel.api import settings
from pytest_accel.api.fixtures import uses_accel
from pytest_accel.api.settings import Settings
from pytest_accel.baselines import naming
from pytest_accel.baselines.errors import BrokenBaseline, StoreError
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.environment_gate import EnvironmentGate
from pytest_accel.hardware import price_book
from pytest_accel.hosts.join import coordinator, launched_as, over_hosts
from pytest_accel.hosts.messages import BenchmarkFinished
from pytest_accel.records import Accelerator, Conditions, Kind, Outcome, Price, Result, Verdict
from pytest_accel.records.user_error import UserError
from pytest_accel.reports import github, junit, pytest_benchmark, report_files, terminal
from pytest_accel.runs.worker_process import end_reason, environments
from pytest_accel.runs.worker_process.environments import Environment

ALL_SKIPPED = (
    "every benchmark was skipped, so nothing was gated, and strict mode fails the session: run on hardware "
    "that the benchmarks ask for, or pass --no-accel-strict"
)


class Session:
    """A pytest plugin, registered once the tests are selected and a benchmark is among them.

    Raises pytest.UsageError for anything that is known to be wrong before the first benchmark runs.
    """

    def __init__(self, config: pytest.Config, items: Sequence[pytest.Item]) -> None:
        benchmarks = [item for item in items if uses_accel(item)]
        self._benchmarks = {naming.shown(item): settings.settings_for(item) for item in benchmarks}
        self._settings = settings.resolve(config, {})
        settings.check_combination(config, self._settings)
        self._results: dict[str, Result] = {}
        self._complaints: list[str] = []
        self._summarized = False
        self._places = {naming.shown(item): naming.place(item) for item in benchmarks}
        self._reports = _report_files(config, self._settings)
        try:
            self._price = _price(self._settings)
            report_files.check(self._reports)
            kind = settings.accelerator_kind(config)
            launch = None if config.getoption("collectonly") else launched_as(self._settings, kind)
            here = _accelerator(config, self._settings)
            self.accelerator = over_hosts(here, launch, self._settings.identity)
            folder = settings.baselines_folder(config, self._settings)
            naming.check_distinct(benchmarks, folder)
            self._store = BaselineStore(folder, self.accelerator.identity)
            self._alone = _store_of_one_device(config, self._settings, self.accelerator)
            self.other = _other_environment(config, self._settings)
            if launch is None or launch.index == 0:
                self._check_store()
            files = {naming.shown(item): item.path for item in benchmarks}
            say = functools.partial(terminal.say_at_once, config)
            self.coordinator = coordinator(launch, self._settings, here, files, say)
        except UserError as error:
            raise pytest.UsageError(str(error)) from None

    def _check_store(self) -> None:
        if self.other is None:
            self._store.check_readable()
        if self._settings.recording:
            self._store.check_writable()

    @property
    def topology(self) -> str | None:
        """What to compile for; None where benchmarks run."""
        return self._settings.topology

    def settings_of(self, item: pytest.Item) -> Settings:
        """Those of a benchmark; one that is marked xfail is expected to fail, so it records nothing."""
        asked = self._benchmarks[naming.shown(item)]
        if item.get_closest_marker("xfail"):
            return dataclasses.replace(asked, update_baselines=False, record_missing=False)
        return asked

    def gate(
        self, item: pytest.Item, on_progress: Callable[[Verdict], None] = lambda _verdict: None
    ) -> BaselineGate:
        """``on_progress`` hears what the runs so far would come to, while more are needed."""
        benchmark, nodeid = naming.benchmark(item, self._store.folder), naming.shown(item)
        return BaselineGate(
            benchmark, nodeid, self.accelerator, self._store, self.settings_of(item), on_progress
        )

    def against(self, item: pytest.Item, on_progress: Callable[[Verdict], None]) -> EnvironmentGate:
        """``on_progress`` is as in :meth:`gate`."""
        assert self.other is not None
        return EnvironmentGate(
            naming.shown(item), self.accelerator, self.settings_of(item), self.other.name, on_progress
        )

    def sample_conditions(self, own_pids: frozenset[int] = frozenset()) -> Conditions:
        return hardware.conditions(self.accelerator.kind, own_pids)

    def finish_benchmark(self, item: pytest.Item, result: Result, output: str = "") -> None:
        """Keep the result of a benchmark, and fail its test if the outcome says so.

        ``output`` is for other hosts: what the process said that failed.
        """
        if self.accelerator.devices > 1:
            result = self._scaled(item, result)
        if self._price is not None:
            result = _priced(result, self._price)
        self.coordinator.benchmark_finished(BenchmarkFinished(result, output=output))
        self.keep(item, result)

    def keep(self, item: pytest.Item, result: Result) -> None:
        """The same with a result that the first of several hosts has come to."""
        result = dataclasses.replace(result, nodeid=naming.shown(item))
        self._results[result.nodeid] = result
        pytest_benchmark.export(item, result)
        item.user_properties += junit.properties(result)
        verdict = result.verdict
        if verdict.outcome.fails(strict=self.settings_of(item).strict):
            pytest.fail(f"{verdict.outcome}: {verdict.reason}", pytrace=False)

    def pytest_report_collectionfinish(self, config: pytest.Config) -> str | list[str]:
        if config.getoption("collectonly") and config.get_verbosity() < 0:
            return []  # that list of tests is for other programs to read
        return terminal.hardware_line(self.accelerator, self._price, against=self._settings.against)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if uses_accel(item):
            self._results.pop(naming.shown(item), None)
            missing = self._missing(self.settings_of(item))
            if missing:
                pytest.skip(missing)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        name = naming.shown(item)
        if name in self._benchmarks:
            vars(report)["accel_benchmark"] = name  # node ids of files outside rootdir are not unique
        result = self._results.get(name)
        if result is not None:
            vars(report)["accel_outcome"] = result.verdict.outcome.value
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that ended by itself has a result as well: nothing falls through."""
        name = vars(report).get("accel_benchmark")
        if name in self._benchmarks and name not in self._results:
            if report.skipped:
                self._keep(name, Outcome.SKIPPED, end_reason.skipped(report))
            elif report.failed:
                self._keep(name, Outcome.INVALID, f"the test itself failed: {end_reason.failed(report)}")
        if report.when == "teardown" and name in self._results:
            # pytest's JUnit report takes properties from here; those of a verdict are among them already.
            known = dict(report.user_properties)
            found = junit.properties(self._results[name])
            report.user_properties += [pair for pair in found if pair[0] not in known]

    def pytest_report_teststatus(self, report: pytest.TestReport) -> object:
        return terminal.teststatus(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        outcomes = {result.verdict.outcome for result in self._results.values()}
        if outcomes == {Outcome.SKIPPED} and self._settings.strict:
            self._complain(session, ALL_SKIPPED, pytest.ExitCode.TESTS_FAILED)
        if self.coordinator.is_leader and not session.config.getoption("collectonly"):
            for complaint in self._unwritten():
                self._complain(session, complaint, pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._summarized = True
        terminal.write(terminalreporter, list(self._results.values()))
        for complaint in self._complaints:
            terminalreporter.write_line(f"accel: {complaint}", red=True)
        if not self.coordinator.is_leader:
            return
        results, strict = list(self._results.values()), self._settings.strict
        for line in github.error_commands(results, self._places, strict=strict):
            terminalreporter.write_line(line)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._results and not self._summarized:
            self.pytest_terminal_summary(reporter)  # pytest leaves it out where a signal ended the session
        self.coordinator.close()

    def _scaled(self, item: pytest.Item, result: Result) -> Result:
        """With what a device contributes, and what one alone was accepted with on such hardware."""
        devices, throughput = self.accelerator.devices, result.metrics.get("throughput")
        if throughput is None or result.workload is None:
            return result
        found = None
        if self._alone is not None:
            with contextlib.suppress(BrokenBaseline, StoreError):
                benchmark = naming.benchmark(item, self._store.folder)
                alone = self._alone.load(benchmark, result.workload.framework)
                if alone is not None and alone.fits(benchmark):
                    found = scaling.scaling(result.workload, throughput, devices, alone)
        notes = result.notes
        if found is not None:
            rate = quantity("throughput", found.throughput_alone)
            notes = (*notes, f"{found.kind} scaling: {found.efficiency:.0%} of {devices} times {rate}")
        numbers = {**result.metrics, **scaling.metrics(throughput, devices, found)}
        return dataclasses.replace(result, metrics=numbers, notes=notes)

    def _keep(self, nodeid: str, outcome: Outcome, reason: str) -> None:
        self._results[nodeid] = Result(nodeid, Verdict(outcome, reason))

    def _complain(self, session: pytest.Session, message: str, status: pytest.ExitCode) -> None:
        """In strict mode an error; else the result of the session is that of its tests."""
        self._complaints.append(message)
        if session.exitstatus == pytest.ExitCode.OK and self._settings.strict:
            session.exitstatus = status

    def _unwritten(self) -> Iterator[str]:
        """Write the reports; complaints about those that cannot be written."""
        results = list(self._results.values())
        return report_files.write(
            self._reports,
            self.accelerator,
            self._price,
            results,
            against=self._settings.against,
            folder=self._store.folder,
            strict=self._settings.strict,
        )

    def _missing(self, asked: Settings) -> str | None:
        """What a benchmark asks of the hardware and this machine does not have."""
        here = self.accelerator
        if asked.kinds and here.kind not in asked.kinds:
            return f"runs on {' or '.join(asked.kinds)}, and this is a {here.kind}"
        if here.devices < asked.min_devices:
            return f"needs {asked.min_devices} devices, and this machine has {here.devices}"
        if here.memory_bytes is not None and here.memory_bytes < asked.min_memory:
            needed, there = asked.min_memory / 1e9, here.memory_bytes / 1e9
            return f"needs {needed:.10g} GB a device, and here a device has {there:.1f} GB"
        return None


def _other_environment(config: pytest.Config, asked: Settings) -> Environment | None:
    """The environment to compare with. Raises ValueError."""
    if asked.against is None or config.getoption("collectonly"):
        return None
    return environments.named(asked.against, config.invocation_params.dir)


def _accelerator(config: pytest.Config, asked: Settings) -> Accelerator:
    """What is here, or what is compiled for. Raises AbsentAccelerator and ValueError."""
    if asked.topology is not None:
        return hardware.compile_only(asked.topology)
    return hardware.accelerator(settings.accelerator_kind(config), asked.identity, asked.devices)


def _store_of_one_device(config: pytest.Config, asked: Settings, here: Accelerator) -> BaselineStore | None:
    """Baselines of one such device; None where there is no such thing."""
    if here.devices == 1 or here.kind is Kind.TPU:
        return None
    one = hardware.accelerator(here.kind, devices=1)
    return BaselineStore(settings.baselines_folder(config, asked), one.identity)


def _price(asked: Settings) -> Price | None:
    try:
        return None if asked.price is None else price_book.price(asked.price)
    except UserError as error:
        raise pytest.UsageError(f"--accel-price={asked.price}: {error}") from None


def _report_files(config: pytest.Config, asked: Settings) -> dict[str, Path]:
    """Those asked for, by option; a relative path counts from where pytest was called."""
    given = {"--accel-json": asked.json, "--accel-html": asked.html, "--accel-markdown": asked.markdown}
    folder = config.invocation_params.dir
    return {option: folder / Path(path).expanduser() for option, path in given.items() if path}


def _priced(result: Result, price: Price) -> Result:
    found = result.verdict.comparisons
    costs = [steps.compared_by_cost(comparison, price) for comparison in found]
    comparisons = (*found, *(comparison for comparison in costs if comparison is not None))
    verdict = dataclasses.replace(result.verdict, comparisons=comparisons)
    return dataclasses.replace(result, verdict=verdict, metrics=steps.with_cost(result.metrics, price))
