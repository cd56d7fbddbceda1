"""What a worker sends home of the one test that it runs: reports, subtests, warnings, its end."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from pytest_accel.api.expected_failures import may_be_expected_to_fail
from pytest_accel.records import parameters
from pytest_accel.worker import environment_facts, messages
from pytest_accel.worker.channel import Channel

__tracebackhide__ = True  # pytest then shows the user's own lines only

_ENDED = "ended_test"

MAX_OUTPUT = 2**20
"""Maximum number of trailing characters of captured output that are sent to the session, per test phase."""


class Reporter:
    """A pytest plugin that keeps the session to one test and sends home all that becomes of it."""

    def __init__(
        self, config: pytest.Config, channel: Channel, start: messages.StartTest, variables: Mapping[str, str]
    ) -> None:
        self._config = config
        self._channel = channel
        self._start = start
        self._variables = variables

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        manager = self._config.pluginmanager
        for name in self._start.silent:
            plugin = manager.get_plugin(name)
            if plugin is not None:
                manager.unregister(plugin)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> object:
        if self._start.test is not None:
            return None
        self._channel.send(messages.EnvironmentDescribed(environment_facts.surroundings(self._variables)))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Keep the one test, whatever the project's hooks select here: the session has decided that it runs.

        They see one file of many, so what they deselect by number, or mark to be skipped, may be another.
        """
        before = list(items)
        marks = {item: list(item.own_markers) for item in before}
        result = yield
        all_items = [*before, *(item for item in items if item not in marks)]
        items[:] = [item for item in all_items if item.nodeid.partition("::")[2] == self._start.test][:1]
        for item in items:
            item.own_markers[:] = [
                mark
                for mark in item.own_markers
                if any(mark is own for own in marks.get(item, ())) or self._is_of_session(mark)
            ]
        return result

    def _is_of_session(self, mark: pytest.Mark) -> bool:
        """Whether a mark that a hook has added here is one that the session's test has."""
        if mark.name == "xfail":
            return repr((mark.args, mark.kwargs)) in self._start.xfail
        return mark.name not in ("skip", "skipif")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            here, _ = parameters.of_item(item)
            differing = parameters.differing(self._start.parameters, here)
            if differing:
                self._channel.send(messages.OtherParameters(tuple(differing)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._channel.send(messages.PhaseReported(self._serialized(report), raised=True))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say with a report whether it ended the test: by an exception, or by a hook that changed it.

        A test that is expected to fail and did not is for the session to judge.
        """
        report = yield
        changed = not report.passed and not may_be_expected_to_fail(item)
        vars(report)[_ENDED] = call.excinfo is not None or changed
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "context"):  # of pytest's subtests, and of pytest-subtests
            self._channel.send(messages.SubtestReported(self._serialized(report)))
        else:
            raised = vars(report).pop(_ENDED, not report.passed)
            self._channel.send(messages.PhaseReported(self._serialized(report), raised))

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Those of the test; the session has seen those of its collection itself."""
        if when == "runtest":
            category = warning_message.category
            self._channel.send(
                messages.WarningRecorded(
                    text=str(warning_message.message),
                    category=category.__name__,
                    module=category.__module__,
                    filename=warning_message.filename,
                    lineno=warning_message.lineno,
                    location=location,
                )
            )

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self) -> bool:
        """For pytest-timeout: the session watches the time of a test, all its runs together."""
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Reports are for the session, and nobody reads the summary, which plugins may take a second for."""
        manager = self._config.pluginmanager
        others = [plugin for plugin in manager.get_plugins() if plugin is not self]
        hooks = vars(self._config.hook)
        hooks["pytest_runtest_logreport"] = manager.subset_hook_caller("pytest_runtest_logreport", others)
        try:
            return (yield)
        finally:
            hooks["pytest_terminal_summary"] = manager.subset_hook_caller(
                "pytest_terminal_summary", manager.get_plugins()
            )

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also called for ``pytest.exit``, and for errors of the collection, which are reported already."""
        if isinstance(excinfo.value, pytest.Session.Interrupted):
            return
        code = getattr(excinfo.value, "returncode", None)
        self._channel.send(messages.ExitRequested(str(excinfo.value) or excinfo.typename, code))

    def pytest_internalerror(self, excrepr: object) -> None:
        self._channel.send(messages.PytestBroke(str(excrepr)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus != pytest.ExitCode.USAGE_ERROR:  # which pytest says, and then ends with that status
            self._channel.send(messages.Done())
        gc.freeze()  # to look for garbage once more in all of TensorFlow takes Python a second at its end

    def _serialized(self, report: pytest.CollectReport | pytest.TestReport) -> Any:
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        data["sections"] = [(name, _tail(text)) for name, text in report.sections]
        return data


def _tail(text: str) -> str:
    left_out = len(text) - MAX_OUTPUT
    return text if left_out <= 0 else f"[{left_out} characters left out]\n{text[left_out:]}"
