"""The JSON report of a session (``--accel-json``), schema 1: strict JSON for other programs to read."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_accel.codec import Json, encode
from pytest_accel.records import Accelerator, Price, Result, Scalar, Workload

SCHEMA = 1


class ReportError(Exception):
    """A report cannot be written. The message names the file and the reason."""


def write(
    path: Path,
    accelerator: Accelerator,
    price: Price | None,
    provenance: Mapping[str, str],
    results: Sequence[Result],
) -> None:
    """Write the report as a whole or not at all; missing parent folders are made.

    Raises ReportError if the file cannot be written; a report that was there before is then unchanged.
    """
    text = json.dumps(document(accelerator, price, provenance, results), indent=2, allow_nan=False) + "\n"
    try:
        _replace(path, text)
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_writable(path: Path) -> None:
    """Raise ReportError if a report could not be written there; leaves nothing behind."""
    place = path.resolve()
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.is_file() or not place.exists():
            existing = next(folder for folder in place.parents if folder.exists())
            tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise _cannot_write(path, error) from error


def document(
    accelerator: Accelerator, price: Price | None, provenance: Mapping[str, str], results: Sequence[Result]
) -> Json:
    """The report as plain JSON values, benchmarks in the order of ``results``; ``price`` if it is known."""
    return finite(
        encode(
            {
                "schema": SCHEMA,
                "accelerator": accelerator,
                **({} if price is None else {"price": price}),
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
        "workload": workload_fields(result.workload) if result.workload else None,
        "metrics": result.metrics,
        "comparisons": result.verdict.comparisons,
        "runs": result.runs,
        "reference_runs": result.reference_runs,
        "provenance": result.provenance,
        "provenance_changes": result.provenance_changes,
        "notes": result.notes,
    }


def _cannot_write(path: Path, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write the JSON report {path}: {error.strerror or error}. "
        "Name a file that can be written: --accel-json=FILE."
    )


def _replace(path: Path, text: str) -> None:
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A pipe or a terminal is written to; for a folder this is the right error.
        path.write_text(text, encoding="utf-8")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".accel-report-{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
