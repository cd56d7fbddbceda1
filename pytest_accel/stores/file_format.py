"""The text of a baseline file, schema 1, and the rules for its numbers (docs/baselines.md). Pure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pytest_accel.codec import CodecError, Json, decode, encode
from pytest_accel.records import Accepted, Baseline, Steps, Workload

SCHEMA = 1

_SIGNIFICANT_DIGITS = 9  # of a measured number: nanoseconds in a step of a second, and diffs stay readable
_POSITIVE_METRICS = ("throughput", "step_time_s", "median_step_time_s")
_LIST_OF_NUMBERS = re.compile(r'\[\n([^\[\]{}"]*)\n *\]')  # a raw line feed is never inside a JSON string


class SchemaError(CodecError):
    """The file is of a schema that this version does not read."""


def dumps(baseline: Baseline) -> bytes:
    """The file's bytes: keys sorted, a list of numbers on one line. Raises CodecError by the same rules."""
    data = encode(baseline)
    _check(decode(Baseline, data))
    assert isinstance(data, dict)
    data["schema"] = SCHEMA
    data["workload"] = {**_object(data["workload"], "workload"), "hash": baseline.workload.hash}
    data["accepted"] = _rounded(data["accepted"])
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False)
    text = _LIST_OF_NUMBERS.sub(lambda numbers: f"[{' '.join(numbers[1].split())}]", text)
    return f"{text}\n".encode("ascii")


def loads(raw: bytes) -> Baseline:
    """The baseline in a file. Raises SchemaError, or CodecError that begins with the field or the line."""
    data = _object(_parsed(raw), "")
    _check_schema(data.pop("schema", None))
    written_hash = _object(data.get("workload"), "workload").pop("hash", None)
    baseline = decode(Baseline, data)
    _check(baseline)
    if written_hash != baseline.workload.hash:
        raise CodecError("workload.hash", f"the fields give {baseline.workload.hash!r}; edited by hand?")
    return baseline


def _parsed(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object_of_unique_keys)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise CodecError(where, f"not JSON: {error.msg} (cut short, or left by a merge?)") from None
    except UnicodeDecodeError as error:
        raise CodecError(f"byte {error.start}", "not UTF-8 text") from None
    except RecursionError:
        raise CodecError("top level", "nested too deeply") from None
    except ValueError as error:
        raise CodecError("top level", str(error)) from None


def _object_of_unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for key, member in pairs:
        if key in members:
            raise ValueError(f"the key {key!r} stands twice in one object")
        members[key] = member
    return members


def _object(data: object, path: str) -> dict[str, Json]:
    if not isinstance(data, dict):
        raise CodecError(path, "an object expected")
    return data


def _check_schema(schema: Json) -> None:
    reads = f"this one reads {SCHEMA}"
    if type(schema) is not int or schema < SCHEMA:
        raise SchemaError("schema", f"absent, or none that pytest-accel ever wrote; {reads}")
    if schema > SCHEMA:
        raise SchemaError(
            "schema", f"written by a newer pytest-accel (schema {schema}, {reads}): upgrade pytest-accel"
        )


def _check(baseline: Baseline) -> None:
    _check_workload(baseline.workload)
    if not baseline.accepted:
        raise CodecError("accepted", "empty")
    for index, entry in enumerate(baseline.accepted):
        path = f"accepted[{index}]"
        _check_entry(entry, path)
        if not entry.runs and index in (0, len(baseline.accepted) - 1):
            raise CodecError(f"{path}.runs", "empty; the first and the last entry keep their runs")


def _check_workload(workload: Workload) -> None:
    _check_positive(workload.examples_per_step, "workload.examples_per_step")
    for name, value in workload.parameters.items():
        path = f"workload.parameters.{name}"
        if name in ("name", "framework", "examples_per_step"):
            raise CodecError(path, "a field of the workload itself goes by this name")
        if isinstance(value, int | float):
            _check_finite(value, path)


def _check_entry(entry: Accepted, path: str) -> None:
    try:
        datetime.fromisoformat(entry.time)
    except ValueError:
        raise CodecError(f"{path}.time", f"{entry.time[:40]!r} is not a time in ISO 8601") from None
    _check_summary(entry.summary, f"{path}.summary")
    for index, run in enumerate(entry.runs):
        check = _check_steps if isinstance(run, Steps) else _check_curve
        check(run, f"{path}.runs[{index}]")


def _check_summary(summary: Mapping[str, float], path: str) -> None:
    if not summary:
        raise CodecError(path, "empty")
    for metric, value in summary.items():
        if metric in _POSITIVE_METRICS:
            _check_positive(value, f"{path}.{metric}")
        elif metric.endswith(("_s", "_bytes")):
            _check_not_negative(value, f"{path}.{metric}")
        else:
            _check_finite(value, f"{path}.{metric}")


def _check_steps(run: Any, path: str) -> None:
    if not run.step_times_s:
        raise CodecError(f"{path}.step_times_s", "empty")
    for index, time_s in enumerate(run.step_times_s):
        _check_positive(time_s, f"{path}.step_times_s[{index}]")
    _check_positive(run.steps_per_block, f"{path}.steps_per_block")
    for name in ("startup_time_s", "build_time_s", "compile_time_s", "warmup_time_s", "warmup_steps"):
        _check_not_negative(getattr(run, name), f"{path}.{name}")
    if run.peak_memory_bytes is not None:
        _check_positive(run.peak_memory_bytes, f"{path}.peak_memory_bytes")
    for index, loss in enumerate(run.losses):
        _check_finite(loss, f"{path}.losses[{index}]")
    if run.conditions.load_average is not None:
        _check_not_negative(run.conditions.load_average, f"{path}.conditions.load_average")


def _check_curve(run: Any, path: str) -> None:
    if not run.epochs:
        raise CodecError(f"{path}.epochs", "empty")
    for name in ("train_examples", "evaluation_examples"):
        _check_positive(getattr(run, name), f"{path}.{name}")
    for name in ("startup_time_s", "build_time_s", "compile_time_s"):
        _check_not_negative(getattr(run, name), f"{path}.{name}")
    for index, epoch in enumerate(run.epochs):
        where = f"{path}.epochs[{index}]"
        _check_finite(epoch.loss, f"{where}.loss")
        _check_positive(epoch.training_time_s, f"{where}.training_time_s")
        _check_not_negative(epoch.evaluation_time_s, f"{where}.evaluation_time_s")
        for name in ("top1", "top5"):
            share = getattr(epoch, name)
            _check_not_negative(share, f"{where}.{name}")
            if share > 1:
                raise CodecError(f"{where}.{name}", f"{share} is above 1")


def _check_positive(value: float, path: str) -> None:
    _check_finite(value, path)
    if value <= 0:
        raise CodecError(path, f"{value} is not above 0")


def _check_not_negative(value: float, path: str) -> None:
    _check_finite(value, path)
    if value < 0:
        raise CodecError(path, f"{value} is below 0")


def _check_finite(value: float, path: str) -> None:
    if not abs(value) <= sys.float_info.max:  # also for an integer that no float can hold
        raise CodecError(path, f"{str(value)[:40]} is not a finite number")


def _rounded(data: Json) -> Json:
    if isinstance(data, dict):
        return {key: _rounded(member) for key, member in data.items()}
    if isinstance(data, list):
        return [_rounded(item) for item in data]
    if isinstance(data, float):
        number = data if data.is_integer() else float(f"{data:.{_SIGNIFICANT_DIGITS}g}")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return data
