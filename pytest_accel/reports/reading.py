"""A session's JSON report (``--accel-json``), read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

from pytest_accel.codec import CodecError, decode
from pytest_accel.records import Accelerator, Comparison, Observation, Price, Scalar
from pytest_accel.reports.json_report import SCHEMA

T = TypeVar("T")


@dataclass(frozen=True)
class ReportedBenchmark:
    """What a report has of one benchmark; ``workload`` is None where nothing was measured."""

    nodeid: str
    outcome: str
    workload: Mapping[str, Scalar] | None
    metrics: Mapping[str, float | None]
    provenance: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    runs: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Report:
    """A report, and what holds for all its benchmarks."""

    accelerator: Accelerator
    price: Price | None
    benchmarks: tuple[ReportedBenchmark, ...]


@dataclass(frozen=True)
class _Session:
    accelerator: Accelerator
    price: Price | None = None


def report(data: Mapping[str, Any]) -> Report:
    """The report in parsed JSON. Raises CodecError that names the field."""
    if data.get("schema") != SCHEMA:
        raise CodecError(
            "schema", f"{data.get('schema')!r} is none that this pytest-accel reads, which is {SCHEMA}"
        )
    session = _picked(_Session, data)
    benchmarks = data.get("benchmarks")
    if not isinstance(benchmarks, list) or not all(isinstance(each, dict) for each in benchmarks):
        raise CodecError("benchmarks", "a list of objects expected")
    read = tuple(_picked(ReportedBenchmark, each) for each in benchmarks)
    return Report(session.accelerator, session.price, read)


def _picked(cls: type[T], data: Mapping[str, Any]) -> T:
    """The record from an object that has more fields than it."""
    known = {field.name: data[field.name] for field in fields(cast(Any, cls)) if field.name in data}
    return decode(cls, known)
