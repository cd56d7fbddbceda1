"""The text of a baseline file, schema 2, and the rules for what it holds (docs/baselines.md). Pure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pytest_accel.baselines.agreement import check_summary
from pytest_accel.baselines.validation import (
    SHARES,
    check_finite,
    check_not_negative,
    check_positive,
    check_run,
)
from pytest_accel.records import AcceptedEntry, Baseline, Curve, Workload, schema_1
from pytest_accel.records.json_codec import CodecError, Json, decode, encode

BASELINE_SCHEMA = 2
"""Raise this for any change of the records in a baseline, a new optional field included: unknown fields are
refused, and with a new number older versions say that they are too old."""

_SIGNIFICANT_DIGITS = 9  # of a measured number: nanoseconds in a step of a second, and diffs stay readable
_POSITIVE_METRICS = ("throughput", "step_time_s", "median_step_time_s")
_LIST_OF_NUMBERS = re.compile(r'\[\n([^\[\]{}"]*)\n *\]')  # a raw line feed is never inside a JSON string


class SchemaError(CodecError):
    """The file is of a schema that this version does not read."""


def dumps(baseline: Baseline) -> bytes:
    """The file's bytes: keys sorted, a list of numbers on one line. Raises CodecError by the same rules."""
    data = encode(baseline)
    decoded = decode(Baseline, data)
    _check(decoded)
    _check_summaries(decoded)
    assert isinstance(data, dict)
    data["schema"] = BASELINE_SCHEMA
    if not data["parameters"]:
        del data["parameters"]
    data["workload"] = {**_object(data["workload"], "workload"), "hash": baseline.workload.hash}
    data["accepted"] = _rounded(data["accepted"])
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False)
    text = _LIST_OF_NUMBERS.sub(lambda numbers: f"[{' '.join(numbers[1].split())}]", text)
    return f"{text}\n".encode("ascii")


def loads(raw: bytes) -> Baseline:
    """The baseline in a file. Raises SchemaError, or CodecError that begins with the field or the line."""
    data = _object(_parsed(raw), "")
    if _checked_schema(data.pop("schema", None)) == schema_1.SCHEMA:
        data = _from_schema_1(data)
    written_hash = _object(data.get("workload"), "workload").pop("hash", None)
    baseline = decode(Baseline, data)
    _check(baseline)
    if written_hash != baseline.workload.hash:
        raise CodecError("workload.hash", f"the fields give {baseline.workload.hash!r}; edited by hand?")
    _check_summaries(baseline)
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


def _checked_schema(schema: Json) -> int:
    reads = f"this one reads up to {BASELINE_SCHEMA}"
    if type(schema) is not int or schema < schema_1.SCHEMA:
        raise SchemaError("schema", f"absent, or none that pytest-accel ever wrote; {reads}")
    if schema > BASELINE_SCHEMA:
        raise SchemaError(
            "schema", f"written by a newer pytest-accel (schema {schema}, {reads}): upgrade pytest-accel"
        )
    return schema


def _from_schema_1(data: dict[str, Json]) -> dict[str, Json]:
    """Convert to this schema. Decoding says what is wrong with anything else."""
    accepted = data.get("accepted")
    if not isinstance(accepted, list):
        return data
    return {**data, "accepted": [_entry_of_schema_1(entry) for entry in accepted]}


def _entry_of_schema_1(entry: Json) -> Json:
    if not isinstance(entry, dict):
        return entry
    changed: dict[str, Json] = dict(entry)
    if "summary" in entry:
        changed["summary"] = schema_1.metrics(entry["summary"])
    runs = entry.get("runs")
    if isinstance(runs, list):
        changed["runs"] = [schema_1.observation(run) for run in runs]
    return changed


def _check(baseline: Baseline) -> None:
    _check_workload(baseline.workload)
    if not baseline.accepted:
        raise CodecError("accepted", "empty")
    for index, entry in enumerate(baseline.accepted):
        path = f"accepted[{index}]"
        _check_entry(entry, baseline.workload, path)
        if not entry.runs and index in (0, len(baseline.accepted) - 1):
            raise CodecError(f"{path}.runs", "empty; the first and the last entry keep their runs")
    _check_order([entry.time for entry in baseline.accepted])


def _check_summaries(baseline: Baseline) -> None:
    for index, entry in enumerate(baseline.accepted):
        check_summary(entry, baseline.workload, f"accepted[{index}]")


def _check_order(times: Sequence[str]) -> None:
    """The last entry is in force, so it has to be the latest: a merge may put them in another order."""
    for index, (earlier, later) in enumerate(itertools.pairwise(times), start=1):
        if moment(later) < moment(earlier):
            raise CodecError(f"accepted[{index}].time", f"{later} is before {earlier}, the entry above it")


def moment(time: str) -> datetime:
    """A time of a file as one that can be compared; without a zone it is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(time)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def _check_workload(workload: Workload) -> None:
    check_positive(workload.examples_per_step, "workload.examples_per_step")
    for name, value in workload.parameters.items():
        path = f"workload.parameters.{name}"
        if name in ("name", "framework", "examples_per_step"):
            raise CodecError(path, "a field of the workload itself goes by this name")
        if isinstance(value, int | float):
            check_finite(value, path)


def _check_entry(entry: AcceptedEntry, workload: Workload, path: str) -> None:
    try:
        moment(entry.time)
    except ValueError:
        raise CodecError(f"{path}.time", f"{entry.time[:40]!r} is not a time in ISO 8601") from None
    _check_metrics(entry.summary, f"{path}.summary")
    for index, run in enumerate(entry.runs):
        where = f"{path}.runs[{index}]"
        check_run(run, workload, where)
    if len({run.KIND for run in entry.runs}) > 1:
        raise CodecError(f"{path}.runs", "one has step times, another was compiled only")
    seeds = [run.seed for run in entry.runs if isinstance(run, Curve)]
    for index, seed in enumerate(seeds):
        if seed in seeds[:index]:
            raise CodecError(f"{path}.runs[{index}].seed", f"{seed} stands there twice")


def _check_metrics(summary: Mapping[str, float], path: str) -> None:
    if not summary:
        raise CodecError(path, "empty")
    for metric, value in summary.items():
        if metric in _POSITIVE_METRICS:
            check_positive(value, f"{path}.{metric}")
        elif metric.endswith(("_s", "_bytes")):
            check_not_negative(value, f"{path}.{metric}")
        else:
            check_finite(value, f"{path}.{metric}")


def _rounded(data: Json) -> Json:
    if isinstance(data, dict):  # shares are compared with a target, which rounding may take them below
        return {key: member if key in SHARES else _rounded(member) for key, member in data.items()}
    if isinstance(data, list):
        return [_rounded(item) for item in data]
    if isinstance(data, float):
        number = data if data.is_integer() else float(f"{data:.{_SIGNIFICANT_DIGITS}g}")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return data
