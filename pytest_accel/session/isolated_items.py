"""How a benchmark runs: never here, always in worker processes, whose reports become the test's own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import random
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from pytest_accel.api.fixtures import uses_accel
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.hosts.coordinator import Follower
from pytest_accel.hosts.messages import BenchmarkFinished
from pytest_accel.records import Kind, Outcome, Result, Verdict
from pytest_accel.records.progress import NoProgress
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.follower import FollowerRuns
from pytest_accel.runs.fresh_runs import FreshRuns
from pytest_accel.runs.paired_runs import PairedRuns
from pytest_accel.runs.worker_process import preflight, pytest_command
from pytest_accel.runs.worker_process.environments import CURRENT_ENVIRONMENT, Environment
from pytest_accel.runs.worker_process.remote_test import PhaseReport, TestEnded
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.runs.worker_process.same_code import SameCode, TwoEnvironments
from pytest_accel.session.hooks import BenchmarkSession
from pytest_accel.session.orderly_end import orderly_end
from pytest_accel.session.progress_bar import TerminalProgress
from pytest_accel.session.project_hooks import BenchmarkHooks, end_as_in_run
from pytest_accel.session.time_limit import TimeLimit
from pytest_accel.worker.step_timer import CLOCK

CALLED_PASSED = (
    "the test ended before it was measured, and a hook of the project or a plugin calls it passed: nothing "
    "was compared"
)

_PHASES = pytest.StashKey[dict[str, PhaseReport]]()


def create(session: BenchmarkSession, config: pytest.Config, items: Sequence[pytest.Item]) -> IsolatedItems:
    """The plugin, once pytest starts in both environments, where two are compared.

    Raises pytest.UsageError where it does not.
    """
    isolated = IsolatedItems(session, config)
    if session.reference is not None:
        first = next(item for item in items if uses_accel(item))
        isolated.examine_environments(session.reference, first)
    return isolated


class IsolatedItems:
    """A pytest plugin beside ``session``."""

    def __init__(self, session: BenchmarkSession, config: pytest.Config) -> None:
        self._session = session
        self._options = {"accel": session.accelerator.kind}
        self._config = config
        self._hooks = BenchmarkHooks(config)
        self._limit = TimeLimit()
        config.pluginmanager.register(self._limit)
        self._environments: TwoEnvironments | None = None
        self._same_code: SameCode | None = None

    def examine_environments(self, reference: Environment, item: pytest.Item) -> None:
        """Start pytest in both environments and see what they are. Raises pytest.UsageError."""
        spec = self._run_spec(item, NoProgress())
        spec = dataclasses.replace(spec, timeout_s=min(spec.timeout_s, preflight.MAX_START_S))
        surroundings = []
        with orderly_end():
            for environment in (reference, CURRENT_ENVIRONMENT):
                try:
                    surroundings.append(preflight.surroundings(environment, spec, self._options))
                except InvalidRun as invalid:
                    output = f"\n{invalid.output.strip()}" if invalid.output.strip() else ""
                    raise pytest.UsageError(
                        f"--accel-against={environment.name}: {invalid}{output}"
                    ) from None
        there, here = surroundings
        self._environments = TwoEnvironments(
            reference.name, here, there, by_command=len(reference.command) > 1
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Only the worker sets the test up, calls it and tears it down, whatever kind of item it is."""
        if uses_accel(item):
            item.stash[_PHASES] = {}
            vars(item).update(setup=_nothing, runtest=lambda: self._run(item), teardown=_nothing)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        with orderly_end():
            try:
                return (yield)
            except pytest.exit.Exception:
                if self._same_code is None:
                    raise
                raise pytest.UsageError(str(self._same_code)) from None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        with self._hooks.during(item) if uses_accel(item) else contextlib.nullcontext():
            return (yield)

    def _run(self, item: pytest.Item) -> None:
        if isinstance(self._session.coordinator, Follower):
            self._follow(item, self._session.coordinator)
            return
        if self._session.is_out_of_time:
            result = self._session.conclude(item, self._session.out_of_time_result(item))
            self._session.fail_if_needed(item, result)
            return
        sampler, judge = self._sampler_and_judge(item)
        try:
            result = judge()
        except TestEnded as ended:
            self._end_early(item, ended)
            return
        except SameCode as same:
            self._same_code = same
            pytest.exit(str(same), pytest.ExitCode.USAGE_ERROR)
        finally:
            _attach_reports(item, sampler)
        if result.runs:
            result = dataclasses.replace(result, notes=(*result.notes, *pytest_command.notes(item)))
        self._session.fail_if_needed(item, self._session.conclude(item, result, sampler.output))

    def _end_early(self, item: pytest.Item, ended: TestEnded) -> None:
        """End the test here as it ended in its process, before it was measured."""
        report = ended.phase.report
        others = self._session.coordinator.still_running
        if others and report.skipped:
            self._fail_invalid(
                item, f"on the first host {ended}; not so on {', '.join(others)}: let all do the same"
            )
        self._session.coordinator.benchmark_finished(BenchmarkFinished(None, ended=report.longreprtext))
        if report.passed:
            self._fail_invalid(item, CALLED_PASSED)
        if report.when != "teardown":
            _raise(ended.phase)

    def _fail_invalid(self, item: pytest.Item, reason: str) -> None:
        result = Result(item.nodeid, Verdict(Outcome.INVALID, reason))
        self._session.fail_if_needed(item, self._session.conclude(item, result))

    def _follow(self, item: pytest.Item, follower: Follower) -> None:
        """Follow the leader through the benchmark, and record its result."""
        following = FollowerRuns(self._run_spec(item, TerminalProgress(item.config, item.name)), follower)
        try:
            finished = following.run_until_done()
        except InvalidRun as lost:
            result = Result(item.nodeid, Verdict(Outcome.INVALID, str(lost)))
        else:
            if finished.result is None:
                ended = next((phase for phase in following.reports if phase.raised), None)
                if ended is not None and ended.report.when != "teardown":
                    _raise(ended)
                if ended is None:
                    pytest.fail(
                        f"on the first host the test ended by itself:\n{finished.ended}", pytrace=False
                    )
                return
            result = finished.result
            following.output = following.output or finished.output
        finally:
            _attach_reports(item, following)
        self._session.fail_if_needed(item, self._session.keep_result(item, result))

    def _sampler_and_judge(self, item: pytest.Item) -> tuple[FreshRuns | PairedRuns, Callable[[], Result]]:
        """Return the source of runs of this test, and what takes runs from it and judges them."""
        progress = TerminalProgress(item.config, item.name)
        spec = self._run_spec(item, progress)
        if self._session.reference is None or self._environments is None:
            gate = self._session.baseline_gate(item, progress.compared, progress.pause)
            runs = FreshRuns(spec, gate.run_size, as_stored=gate.as_stored)
            return runs, functools.partial(gate.result, runs)
        gate_of_pairs = self._session.environment_gate(item, progress.compared)
        pairs = PairedRuns(
            spec,
            self._session.reference,
            self._environments,
            seconds=gate_of_pairs.seconds,
            is_precise_enough=gate_of_pairs.is_precise_enough,
            rng=random.Random(),
        )
        return pairs, functools.partial(gate_of_pairs.result, pairs)

    def _run_spec(self, item: pytest.Item, progress: TerminalProgress | NoProgress) -> RunSpec:
        alone = self._session.coordinator.hosts is None
        return RunSpec(
            item,
            self._session.accelerator,
            options=self._options,
            check=self._limit.check,
            timeout_s=self._session.settings_of(item).timeout,
            watch_other_programs=self._watch_other_programs,
            wait_s=self._session.settings_of(item).run_wait_s,
            sample_conditions=self._session.sample_conditions,
            devices=self._session.settings_of(item).devices,
            compared=self._session.reference is not None,
            # What one host has kept is of no use to training that goes on with all of them.
            checkpoints=_cached(item.config, "accel-checkpoints") if alone else None,
            topology=self._session.topology,
            compile_cache=_cached(item.config, "accel-programs"),
            progress=progress,
            coordinator=self._session.coordinator,
        )

    def _watch_other_programs(self) -> OtherPrograms | None:
        """On a CPU, and in real time: on a fake clock others have no time to do anything."""
        on_cpu = self._session.accelerator.kind is Kind.CPU
        return OtherPrograms() if on_cpu and CLOCK not in self._config.stash else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        teardown = item.stash.get(_PHASES, {}).get("teardown")
        if teardown is not None and teardown.raised:
            _raise(teardown)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        phases = item.stash.get(_PHASES, {})
        if call.when == "call":
            setup, body = phases.get("setup"), phases.get("call")
            _copy_into(setup if setup is not None and setup.raised else body, report)
        elif call.when == "teardown":
            _copy_into(phases.get("teardown"), report)
        return report


def _attach_reports(item: pytest.Item, sampler: FreshRuns | PairedRuns | FollowerRuns) -> None:
    """The reports and the output of the last run, for the report of the test."""
    item.stash[_PHASES] = {str(phase.report.when): phase for phase in sampler.reports}
    capture = item.config.pluginmanager.get_plugin("capturemanager")
    with contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled():
        for report in sampler.subtests:
            item.ihook.pytest_runtest_logreport(report=report)
    if sampler.output:
        item.add_report_section("call", "output of the worker process", sampler.output)


def _cached(config: pytest.Config, name: str) -> Path | None:
    """A folder in pytest's cache, which projects keep out of version control; None without a cache."""
    cache = getattr(config, "cache", None)
    if cache is None:
        return None
    try:
        return Path(cache.mkdir(name))
    except OSError:
        return None  # pytest itself warns of a cache that cannot be written


def _nothing() -> None:
    pass


def _raise(phase: PhaseReport) -> None:
    """End this phase of the test as the worker ended it; ``_copy_into`` then fills in the report."""
    ended = pytest.skip.Exception if phase.report.skipped else pytest.fail.Exception
    raise end_as_in_run(ended(phase.report.longreprtext))


def _copy_into(phase: PhaseReport | None, report: pytest.TestReport) -> None:
    """Give ``report`` what the worker captured and, where it ended the test, its outcome and words."""
    if phase is None:
        return
    theirs = phase.report
    for name in vars(theirs).keys() - vars(report).keys():
        vars(report)[name] = getattr(theirs, name)  # what the project's hooks have added to it
    report.sections = [*theirs.sections, *report.sections]
    # The test ran in the worker process: what stands here is what the session says of it.
    report.user_properties = [
        *((name, value) for name, value in theirs.user_properties),
        *report.user_properties,
    ]
    # A test that is skipped on one of several hosts fails on all.
    if phase.raised and not theirs.passed and not (theirs.skipped and report.failed):
        report.outcome, report.longrepr, report.when = theirs.outcome, theirs.longrepr, theirs.when
        if hasattr(theirs, "wasxfail"):
            vars(report)["wasxfail"] = theirs.wasxfail
