"""Which hooks of a project see a benchmark in the session, where its fixtures are not.

A test is set up in the process of its run, so hooks of a ``conftest.py`` that make its reports run there,
with its fixtures at hand. The session makes a report of its own only where it ends the test itself: by a
verdict, or by a mark that skips it. Plugins see every report here as well: they keep account of tests.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_MADE_IN_RUN = "made_in_run"


def end_as_in_run(ended: BaseException) -> BaseException:
    """Mark an exception that ends a test here as it ended in its run: its report was made there."""
    vars(ended)[_MADE_IN_RUN] = True
    return ended


class BenchmarkHooks:
    """Calls the hooks of benchmarks in the session of ``config``."""

    def __init__(self, config: pytest.Config) -> None:
        self._manager = config.pluginmanager

    @contextlib.contextmanager
    def during(self, item: pytest.Item) -> Iterator[None]:
        """While ``item``, a benchmark, runs."""
        session = item.session
        hooks_for = session.gethookproxy
        instead: dict[str, Callable[..., Any]] = {
            "pytest_runtest_makereport": self._make_report,
            "pytest_runtest_logreport": functools.partial(self._log_report, item),
        }
        vars(session)["gethookproxy"] = lambda path: _Hooks(hooks_for(path), instead)
        try:
            yield
        finally:
            del vars(session)["gethookproxy"]

    def _make_report(
        self, hook: Callable[..., Any], *, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        made_here = call.excinfo is not None and not hasattr(call.excinfo.value, _MADE_IN_RUN)
        without_conftests = self._without("pytest_runtest_makereport", self._conftests())
        report: pytest.TestReport
        try:
            report = (hook if made_here else without_conftests)(item=item, call=call)
        except Exception as problem:
            report = without_conftests(item=item, call=call)
            _fail(report, problem, "pytest_runtest_makereport")
        return report

    def _log_report(self, item: pytest.Item, _: Callable[..., Any], *, report: pytest.TestReport) -> None:
        """The conftests' hooks come first: where one fails, all others hear that the benchmark did."""
        conftests = self._conftests()
        name = "pytest_runtest_logreport"
        heard = [conftest for conftest in conftests if _folder(conftest) in item.path.parents]
        others = [plugin for plugin in self._manager.get_plugins() if plugin not in heard]
        try:
            self._without(name, others)(report=report)
        except Exception as problem:
            _fail(report, problem, name)
        self._without(name, conftests)(report=report)

    def _without(self, name: str, plugins: Sequence[object]) -> Callable[..., Any]:
        return self._manager.subset_hook_caller(name, plugins)

    def _conftests(self) -> list[object]:
        plugins = self._manager.get_plugins()
        return [
            plugin
            for plugin in plugins
            if Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"
        ]


def _folder(conftest: object) -> Path:
    return Path(getattr(conftest, "__file__", "")).parent


class _Hooks:
    """The hooks of an item, of which some are called through the functions ``instead``."""

    def __init__(self, hooks: Any, instead: Mapping[str, Callable[..., Any]]) -> None:
        self._hooks = hooks
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        hook = getattr(self._hooks, name)
        return functools.partial(self._instead[name], hook) if name in self._instead else hook


def _fail(report: pytest.TestReport, problem: Exception, hook: str) -> None:
    """Let a report say that this hook failed; what it said before comes first."""
    where = pytest.ExceptionInfo.from_exception(problem).getrepr(style="short")
    message = (
        f"the hook {hook} of a conftest.py failed for this benchmark, whose fixtures are in the process of "
        f"its run (docs/runs.md):\n{where}"
    )
    if report.failed:
        report.sections.append(("hook that failed", message))
    else:
        report.outcome, report.longrepr = "failed", message
