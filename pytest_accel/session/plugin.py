"""What pytest loads: options, marker, fixtures, and the session's hooks once a benchmark is collected.

Imported in every pytest session of every project, so it must stay cheap: no heavy imports at module level.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_accel.api import options
from pytest_accel.api.command_line import keep_command_line
from pytest_accel.api.fixtures import accel, accelerator, uses_accel

if TYPE_CHECKING:
    from pytest_accel.session.hooks import BenchmarkSession

__all__ = ["accel", "accelerator"]

NOT_UNDER_XDIST = (
    "a benchmark needs the machine for itself, and pytest-xdist runs several tests at once: run benchmarks "
    "with -n0"
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    options.register(parser)
    keep_command_line(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
    if config.getoption("accel_topology") and "JAX_PLATFORMS" not in os.environ:
        # Test files may make arrays of JAX while they are imported, and JAX would load the TPU's library.
        os.environ["JAX_PLATFORMS"] = "cpu"
        config.add_cleanup(_any_platform)


def _any_platform() -> None:
    os.environ.pop("JAX_PLATFORMS", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> Generator[None, object, object]:
    benchmarks = [item for item in items if uses_accel(item)]
    if not benchmarks:
        return (yield)
    from pytest_accel.reports import pytest_benchmark

    with pytest_benchmark.counted_as_benchmarks(config, benchmarks):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring in all the rest, if a selected test is a benchmark."""
    config = session.config
    if not any(uses_accel(item) for item in session.items):
        return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(_UnderXdist())
        return
    from pytest_accel.session import benchmark_table
    from pytest_accel.session.hooks import BenchmarkSession
    from pytest_accel.session.preparation import prepare

    try:
        session_plugin = BenchmarkSession(
            prepare(config, session.items),
            tells_pytest_benchmark=benchmark_table.is_wanted(config, session.items),
        )
        runner = None if config.option.collectonly else _runner(session_plugin, config, session.items)
    except pytest.UsageError as problem:
        config.pluginmanager.register(_Refusing(problem))
        return
    config.pluginmanager.register(session_plugin)
    if runner is not None:
        config.pluginmanager.register(runner)


def _runner(session_plugin: BenchmarkSession, config: pytest.Config, items: Sequence[pytest.Item]) -> object:
    """What runs the benchmarks. Importing it takes as long as collecting a thousand tests."""
    if config.getoption("accel_in_process"):
        from pytest_accel.session.in_process_items import InProcessItems

        return InProcessItems(session_plugin, config)
    from pytest_accel.session import isolated_items

    return isolated_items.create(session_plugin, config, items)


class _UnderXdist:
    """A worker of pytest-xdist refuses benchmarks; other tests run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if uses_accel(item):
            pytest.fail(NOT_UNDER_XDIST, pytrace=False)


class _Refusing:
    """A session whose benchmarks cannot run as asked ends before its first test, with exit code 4."""

    def __init__(self, problem: pytest.UsageError) -> None:
        self._problem = problem

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        option = session.config.option
        goes_on = not session.testsfailed or option.continue_on_collection_errors
        if goes_on and not option.collectonly:
            raise self._problem
