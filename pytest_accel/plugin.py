"""What pytest loads: options, marker, fixtures, and the session's hooks once a benchmark is collected.

Every session of every project pays for importing this file, so it imports nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_accel import options
from pytest_accel.fixture import accel, accelerator

__all__ = ["accel", "accelerator"]

_OPTIONS_BEFORE_CONFTESTS = pytest.StashKey[frozenset[str]]()

NOT_UNDER_XDIST = (
    "a benchmark needs the machine for itself, and pytest-xdist runs several tests at once: run benchmarks "
    "with -n0"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.register(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    early_config.stash[_OPTIONS_BEFORE_CONFTESTS] = frozenset(vars(early_config.known_args_namespace))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> Generator[None, object, object]:
    if not any(_uses_accel(item) for item in items):
        return (yield)
    from pytest_accel.reports import benchmark_bridge

    with benchmark_bridge.counted_as_benchmarks(config, items):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring in all the rest, if a selected test is a benchmark."""
    config = session.config
    if not any(_uses_accel(item) for item in session.items):
        return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(_UnderXdist())
        return
    from pytest_accel.items_in_children import ItemsInChildren
    from pytest_accel.items_in_process import ItemsInProcess
    from pytest_accel.session import Session

    try:
        benchmarks = Session(config, session.items)
    except pytest.UsageError as problem:
        config.pluginmanager.register(_Refusing(problem))
        return
    config.pluginmanager.register(benchmarks)
    if config.getoption("accel_in_process"):
        config.pluginmanager.register(ItemsInProcess(benchmarks, config))
    else:
        config.pluginmanager.register(ItemsInChildren(benchmarks, config, _custom_options(config)))


class _UnderXdist:
    """A worker of pytest-xdist refuses benchmarks; other tests run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if _uses_accel(item):
            pytest.fail(NOT_UNDER_XDIST, pytrace=False)


class _Refusing:
    """A session whose benchmarks cannot run as asked ends before its first test, with exit code 4."""

    def __init__(self, problem: pytest.UsageError) -> None:
        self._problem = problem

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if not session.testsfailed and not session.config.getoption("collectonly"):
            raise self._problem


def _uses_accel(item: pytest.Item) -> bool:
    """Whether a test is a benchmark: it names the fixture ``accel``, or something that it uses does."""
    return "accel" in getattr(item, "fixturenames", ())


def _custom_options(config: pytest.Config) -> dict[str, Any]:
    """The options that conftest files added, as far as JSON can carry their values."""
    before = config.stash.get(_OPTIONS_BEFORE_CONFTESTS, frozenset(vars(config.option)))
    added = {name: value for name, value in vars(config.option).items() if name not in before}
    return {name: value for name, value in added.items() if _json_can_carry(value)}


def _json_can_carry(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
