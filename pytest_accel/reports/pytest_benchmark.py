"""Hands the samples of a benchmark to pytest-benchmark, whose files and commands then show them too.

Nothing is timed here and no verdict depends on it. Without that plugin, or with its own
``--benchmark-disable``, nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_accel.records import Outcome, Result
from pytest_accel.records.json_codec import encode
from pytest_accel.reports.common.json_writer import finite, workload_fields


@dataclass(frozen=True)
class _Measured:
    """The attributes that ``pytest_benchmark.stats.Metadata`` reads from a ``benchmark`` fixture."""

    name: str
    fullname: str
    group: str
    param: str | None
    params: Mapping[str, object] | None
    extra_info: object
    cprofile_stats: None = None
    has_error: bool = False


def export(item: pytest.Item, result: Result) -> None:
    """Add the blocks of all runs of ``result`` to pytest-benchmark's session.

    A block is a round, the steps in it are its iterations, and the data are step times in seconds. Of
    training to a target an epoch is a round, without its evaluation. All metrics, the outcome, the workload
    and the provenance go to ``extra_info``. A second export of the same test, after a rerun, replaces the
    first. Observations that are invalid are not exported.
    """
    session = _session(item.config)
    if session is None or session.disabled or result.verdict.outcome is Outcome.INVALID:
        return
    if result.workload is None or not any(run.times_s() for run in result.runs):
        return

    from pytest_benchmark.stats import Metadata

    make_entry: Callable[..., Any] = Metadata
    entry = make_entry(
        _measured(item, result),
        iterations=min(getattr(run, "steps_per_block", 1) for run in result.runs),
        options={"timer": "pytest-accel"},
    )
    for run in result.runs:
        for time_s in run.times_s():
            entry.stats.update(time_s)
    session.benchmarks[:] = [other for other in session.benchmarks if not _is_ours(other, result.nodeid)]
    session.benchmarks.append(entry)


@contextmanager
def counted_as_benchmarks(config: pytest.Config, ours: Sequence[pytest.Item]) -> Iterator[None]:
    """Let pytest-benchmark's ``--benchmark-only`` and ``--benchmark-skip`` see ``ours`` as benchmarks.

    It knows a benchmark by the fixture's name, while it handles ``pytest_collection_modifyitems``. Only for
    that time is the name listed, so that the fixture is never set up.
    """
    unknown_to_it = [
        item
        for item in ours
        if isinstance(item, pytest.Function)
        and "benchmark" not in item.fixturenames
        and _session(config) is not None
    ]
    for item in unknown_to_it:
        item.fixturenames = [*item.fixturenames, "benchmark"]
    try:
        yield
    finally:
        for item in unknown_to_it:
            item.fixturenames = [name for name in item.fixturenames if name != "benchmark"]


def _session(config: pytest.Config) -> Any:
    """pytest-benchmark's session, or None without that plugin. It has no public name."""
    return getattr(config, "_benchmarksession", None)


def _measured(item: pytest.Item, result: Result) -> _Measured:
    assert result.workload is not None
    marker = item.get_closest_marker("benchmark")
    group = marker.kwargs.get("group") if marker else None
    callspec = getattr(item, "callspec", None)
    return _Measured(
        name=item.name,
        fullname=result.nodeid,
        group=group or result.workload.name,
        param=callspec.id if callspec else None,
        params=callspec.params if callspec else None,
        extra_info=finite(
            encode(
                {
                    **result.metrics,
                    "outcome": result.verdict.outcome,
                    "runs": len(result.runs),
                    "workload": workload_fields(result.workload),
                    "provenance": result.provenance,
                }
            )
        ),
    )


def _is_ours(entry: Any, nodeid: str) -> bool:
    return isinstance(entry.fixture, _Measured) and entry.fullname == nodeid
