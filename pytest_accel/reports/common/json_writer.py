"""The JSON report of a session (``--accel-json``), schema 2: strict JSON for other programs to read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from pytest_accel.records import Accelerator, Price, Result, Scalar, Workload
from pytest_accel.records.json_codec import Json, encode
from pytest_accel.records.project import ProjectState

REPORT_SCHEMA = 2
"""Raise this for any change that a reader of the previous schema would misunderstand."""


def text(
    accelerator: Accelerator,
    price: Price | None,
    provenance: Mapping[str, str],
    results: Sequence[Result],
    project: ProjectState | None = None,
) -> str:
    """The report, ready to be written."""
    report = document(accelerator, price, provenance, results, project)
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def document(
    accelerator: Accelerator,
    price: Price | None,
    provenance: Mapping[str, str],
    results: Sequence[Result],
    project: ProjectState | None = None,
) -> Json:
    """The report as plain JSON values, benchmarks in the order of ``results``.

    ``price`` and ``project`` are there if they are known.
    """
    return finite(
        encode(
            {
                "schema": REPORT_SCHEMA,
                "accelerator": accelerator,
                **({} if price is None else {"price": price}),
                **({} if project is None else {"project": project}),
                "provenance": provenance,
                "benchmarks": [_benchmark(result) for result in results],
            }
        )
    )


def finite(value: Json) -> Json:
    """JSON has no NaN and no infinity: the same value with None in their place, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def workload_fields(workload: Workload) -> dict[str, Scalar]:
    """What defines the work, flat, and its hash."""
    return {**workload.fields, "hash": workload.hash}


def _benchmark(result: Result) -> dict[str, object]:
    return {
        "nodeid": result.nodeid,
        "outcome": result.verdict.outcome,
        "reason": result.verdict.reason,
        "next_command": None if result.next_command is None else result.next_command.line(),
        "workload": workload_fields(result.workload) if result.workload else None,
        "metrics": result.metrics,
        "comparisons": result.verdict.comparisons,
        "runs": result.runs,
        "reference_runs": result.reference_runs,
        "interleaved_pairs": result.interleaved_pairs,
        "provenance": result.provenance,
        "provenance_changes": result.provenance_changes,
        "notes": result.notes,
    }
