"""A session's JSON report (``--accel-json``), read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from pytest_accel.records import Accelerator, Observation, Price, Scalar, schema_1
from pytest_accel.records.json_codec import CodecError, decode
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_writer import REPORT_SCHEMA

T = TypeVar("T")


@dataclass(frozen=True)
class ReportedComparison:
    """A metric against its baseline; None stands for what was no number, for which JSON has no word."""

    metric: str
    baseline: float | None
    interval: tuple[float | None, float | None]


@dataclass(frozen=True)
class ReportedBenchmark:
    """What a report has of one benchmark; ``workload`` is None where nothing was measured."""

    nodeid: str
    outcome: str
    workload: Mapping[str, Scalar] | None
    metrics: Mapping[str, float | None]
    provenance: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[ReportedComparison, ...] = ()
    runs: tuple[Observation, ...] = ()
    reference_runs: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Report:
    """A report, and what holds for all its benchmarks."""

    accelerator: Accelerator
    price: Price | None
    benchmarks: tuple[ReportedBenchmark, ...]


@dataclass(frozen=True)
class _Seen:
    run: Observation


@dataclass(frozen=True)
class _Session:
    accelerator: Accelerator
    price: Price | None = None


def load(path: Path, what: str) -> dict[str, Any]:
    """The object in a JSON file. Raises UserError that names the file; ``what`` is what to give instead."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply. Give {what}") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}. Give {what}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: top level: an object expected. Give {what}")
    return data


def report(data: Mapping[str, Any]) -> Report:
    """The report in parsed JSON. Raises CodecError that names the field."""
    schema = data.get("schema")
    if type(schema) is not int or not schema_1.SCHEMA <= schema <= REPORT_SCHEMA:
        raise CodecError("schema", f"{schema!r} is none that this pytest-accel reads: 1 to {REPORT_SCHEMA}")
    session = _picked(_Session, data)
    benchmarks = data.get("benchmarks")
    if not isinstance(benchmarks, list) or not all(isinstance(each, dict) for each in benchmarks):
        raise CodecError("benchmarks", "a list of objects expected")
    read = tuple(_benchmark(each, schema) for each in benchmarks)
    return Report(session.accelerator, session.price, read)


def _benchmark(data: Mapping[str, Any], schema: int) -> ReportedBenchmark:
    comparisons, runs = data.get("comparisons", []), data.get("runs", [])
    reference_runs = data.get("reference_runs", [])
    if not isinstance(comparisons, list) or not all(isinstance(each, dict) for each in comparisons):
        raise CodecError("comparisons", "a list of objects expected")
    for name, value in (("runs", runs), ("reference_runs", reference_runs)):
        if not isinstance(value, list):
            raise CodecError(name, "a list expected")
    if schema == schema_1.SCHEMA:
        runs, reference_runs = (
            [schema_1.observation(run) for run in some] for some in (runs, reference_runs)
        )
        comparisons = [{**each, "metric": schema_1.metric(each.get("metric"))} for each in comparisons]
        data = {**data, "metrics": schema_1.metrics(data.get("metrics"))}
    facts = _picked(ReportedBenchmark, {**data, "comparisons": [], "runs": [], "reference_runs": []})
    return replace(
        facts,
        comparisons=tuple(_picked(ReportedComparison, each) for each in comparisons),
        runs=tuple(run for run in map(_run, runs) if run is not None),
        reference_runs=tuple(run for run in map(_run, reference_runs) if run is not None),
    )


def _run(data: object) -> Observation | None:
    """Return None for a run with something that is not a number, such as the loss of training that
    diverged."""
    try:
        return decode(_Seen, {"run": data}).run
    except CodecError:
        return None


def _picked(cls: type[T], data: Mapping[str, Any]) -> T:
    """The record from an object that has more fields than it."""
    known = {field.name: data[field.name] for field in fields(cast(Any, cls)) if field.name in data}
    return decode(cls, known)
