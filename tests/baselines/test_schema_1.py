"""Files and reports of schema 1 are read, and are of schema 2 once they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_accel.baselines import file_format
from pytest_accel.records import Curve, ProgramFacts, Steps
from pytest_accel.reports.common import json_reader

FILES = Path(__file__).parents[1] / "data/schema_1"
KINDS = {"steps": Steps, "convergence": Curve, "program": ProgramFacts}


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_is_read_and_written_anew(kind):
    old = (FILES / f"{kind}.json").read_bytes()
    assert b'"schema": 1' in old
    assert b'"kind"' not in old

    baseline = file_format.loads(old)
    new = file_format.dumps(baseline)

    assert all(isinstance(run, KINDS[kind]) for run in baseline.current.runs)
    assert b'"schema": 2' in new
    assert f'"kind": "{kind}"'.encode() in new
    assert file_format.loads(new) == baseline


def test_names_that_changed_are_the_present_ones():
    baseline = file_format.loads((FILES / "program.json").read_bytes())
    old = json.loads((FILES / "program.json").read_text())["accepted"][-1]
    (run,) = baseline.current.runs
    assert (old["runs"][0]["partitioning"], run.partitioning) == ("replicas", "per_replica")
    assert baseline.current.summary["collective_bytes"] == old["summary"]["exchanged_bytes"]
    assert "exchanged_bytes" not in baseline.current.summary


def test_a_report_is_read():
    old = json.loads((FILES / "program.json").read_text())
    entry = old["accepted"][-1]
    benchmark = {
        "nodeid": "test_it.py::test_it",
        "outcome": "passed",
        "workload": None,
        "metrics": entry["summary"],
        "comparisons": [{"metric": "exchanged_bytes", "baseline": 1.0, "interval": [0.0, 0.0]}],
        "runs": entry["runs"],
    }
    accelerator = {"identity": "aot", "kind": "tpu", "model": "v2", "devices": 8}
    report = json_reader.report({"schema": 1, "accelerator": accelerator, "benchmarks": [benchmark]})

    (read,) = report.benchmarks
    assert [run.partitioning for run in read.runs] == ["per_replica"]
    assert read.metrics["collective_bytes"] == entry["summary"]["exchanged_bytes"]
    assert read.comparisons[0].metric == "collective_bytes"


@pytest.mark.parametrize("kind", ["dance", None, 3, "program"])
def test_a_kind_that_does_not_fit_is_named(kind):
    data = json.loads(file_format.dumps(file_format.loads((FILES / "steps.json").read_bytes())))
    data["accepted"][0]["runs"][0]["kind"] = kind
    with pytest.raises(file_format.CodecError, match=r"accepted\[0\]\.runs\[0\]"):
        file_format.loads(json.dumps(data).encode())
