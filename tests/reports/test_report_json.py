"""The JSON report: strict JSON that reads back as what was measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.page_samples import LEARNED, REGRESSED

from pytest_accel.records import (
    Accelerator,
    Comparison,
    Conditions,
    Kind,
    NextCommand,
    Outcome,
    Price,
    Result,
    Steps,
    Verdict,
    Workload,
)
from pytest_accel.records.project import ProjectState
from pytest_accel.reports.common import json_writer

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/report.schema.json").read_text())
PROJECT = ProjectState("mine", "2026-01-01T00:00:00+00:00", "1" * 40, "main", True, "https://example.org/1")

GPU = Accelerator("gpu-nvidia-h200", Kind.GPU, "NVIDIA H200", 1, memory_bytes=150_754_820_096)

COMPARISON = Comparison(
    "step_time_s", 0.355, 0.397, 0.118, (0.10, 0.14), 0.99, 0.02, "lower_is_better", Outcome.REGRESSED
)
CONDITIONS = Conditions(0.4, ("power",), ("x",))
RUN = Steps((0.397, 0.399), 5, 3.1, 1.2, 4.6, 2.0, 10, 812_000_000, (2.3, 2.2), CONDITIONS)
RESULT = Result(
    "benchmarks/test_resnet50.py::test_größe[128]",
    Verdict(Outcome.REGRESSED, "11.8% slower", (COMPARISON,)),
    Workload("resnet50", "tensorflow", 64, {"precision": "float32"}),
    (RUN,),
    {"throughput": 161.2, "step_time_s": 0.397},
    {"tensorflow": "2.21.0"},
    ("tensorflow 2.20.0 -> 2.21.0",),
    ("the machine was loaded",),
    next_command=NextCommand(
        "take more runs", ("pytest",), "benchmarks/test_resnet50.py::test_größe[128]", (), ("--accel-runs=6",)
    ),
)

numbers = st.floats()
times = st.lists(numbers, min_size=1, max_size=4).map(tuple)
texts = st.text(st.characters(codec=None), max_size=20)
names = st.text(max_size=8)
steps = st.builds(
    Steps,
    times,
    st.integers(1, 100),
    numbers,
    numbers,
    numbers,
    numbers,
    st.integers(0, 100),
    st.none() | st.integers(0, 2**60),
    st.just(()) | times,
    st.builds(Conditions, st.none() | numbers, st.lists(texts, max_size=2).map(tuple)),
)
outcomes = st.sampled_from(Outcome)
comparisons = st.builds(
    Comparison,
    *[names, numbers, numbers, numbers, st.tuples(numbers, numbers), numbers, numbers, names, outcomes],
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
results = st.builds(
    Result,
    texts,
    st.builds(Verdict, outcomes, texts, st.lists(comparisons, max_size=2).map(tuple)),
    st.none() | st.builds(Workload, names, names, st.integers(1), st.dictionaries(st.just("p"), scalars)),
    st.lists(steps, max_size=2).map(tuple),
    st.dictionaries(names, st.none() | numbers, max_size=4),
    st.dictionaries(names, texts, max_size=3),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
)


def not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def written(*results: Result) -> dict:
    text = json_writer.text(GPU, None, {"tensorflow": "2.21.0"}, results)
    return json.loads(text, parse_constant=not_json)


def null_if_not_finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


@settings(max_examples=60, deadline=None)
@given(st.lists(results, max_size=3))
def test_any_results_are_strict_json_and_read_back_equal_and_in_order(some):
    benchmarks = written(*some)["benchmarks"]
    assert [benchmark["nodeid"] for benchmark in benchmarks] == [result.nodeid for result in some]
    for benchmark, result in zip(benchmarks, some, strict=True):
        assert (benchmark["outcome"], benchmark["reason"]) == (result.verdict.outcome, result.verdict.reason)
        assert benchmark["metrics"] == {
            name: null_if_not_finite(value) for name, value in result.metrics.items()
        }
        assert [run["step_times_s"] for run in benchmark["runs"]] == [
            [null_if_not_finite(time) for time in run.step_times_s] for run in result.runs
        ]
        assert [entry["interval"] for entry in benchmark["comparisons"]] == [
            [null_if_not_finite(bound) for bound in entry.interval] for entry in result.verdict.comparisons
        ]
        assert benchmark["notes"] == list(result.notes)


def test_the_report_is_the_schema_that_is_documented():
    report = written(RESULT)
    assert report == {
        "schema": 2,
        "accelerator": {
            "identity": "gpu-nvidia-h200",
            "kind": "gpu",
            "model": "NVIDIA H200",
            "devices": 1,
            "topology": None,
            "hosts": 1,
            "memory_bytes": 150_754_820_096,
        },
        "provenance": {"tensorflow": "2.21.0"},
        "benchmarks": [
            {
                "nodeid": "benchmarks/test_resnet50.py::test_größe[128]",
                "outcome": "regressed",
                "reason": "11.8% slower",
                "next_command": "pytest 'benchmarks/test_resnet50.py::test_größe[128]' --accel-runs=6",
                "workload": {
                    "name": "resnet50",
                    "framework": "tensorflow",
                    "examples_per_step": 64,
                    "precision": "float32",
                    "hash": RESULT.workload.hash,
                },
                "metrics": {"throughput": 161.2, "step_time_s": 0.397},
                "comparisons": [
                    {
                        "metric": "step_time_s",
                        "baseline": 0.355,
                        "now": 0.397,
                        "change": 0.118,
                        "interval": [0.10, 0.14],
                        "confidence": 0.99,
                        "tolerance": 0.02,
                        "direction": "lower_is_better",
                        "outcome": "regressed",
                    }
                ],
                "runs": [
                    {
                        "kind": "steps",
                        "step_times_s": [0.397, 0.399],
                        "steps_per_block": 5,
                        "startup_time_s": 3.1,
                        "build_time_s": 1.2,
                        "compile_time_s": 4.6,
                        "warmup_time_s": 2.0,
                        "warmup_steps": 10,
                        "peak_memory_bytes": 812_000_000,
                        "losses": [2.3, 2.2],
                        "hosts_step_time_s": [],
                        "others_share": [],
                        "conditions": {
                            "load_average": 0.4,
                            "other_programs": [],
                            "throttle_reasons": ["power"],
                            "foreign_processes": ["x"],
                        },
                    }
                ],
                "reference_runs": [],
                "interleaved_pairs": [],
                "provenance": {"tensorflow": "2.21.0"},
                "provenance_changes": ["tensorflow 2.20.0 -> 2.21.0"],
                "notes": ["the machine was loaded"],
            }
        ],
    }


def test_a_benchmark_that_measured_nothing_is_in_the_report():
    report = written(Result("t.py::test_x", Verdict(Outcome.UNMEASURED, "no call")))
    (benchmark,) = report["benchmarks"]
    assert (benchmark["workload"], benchmark["metrics"], benchmark["runs"]) == (None, {}, [])


@given(st.lists(results, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_report_is_as_its_schema_in_the_docs_says(some):
    document = json.loads(json_writer.text(GPU, Price(6.7), {}, some, PROJECT))
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)) == []


def test_the_schema_describes_every_field():
    """Those of each object are all that it may have, so a new field of a report has to be described."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(json_writer.text(GPU, None, {}, [RESULT], PROJECT))
    assert document["project"]["revision"] == "1" * 40
    document["benchmarks"][0]["surprise"] = 1
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize("sample", [REGRESSED, LEARNED], ids=["steps", "convergence"])
def test_every_kind_of_run_is_described(sample):
    document = json.loads(json_writer.text(GPU, None, {}, [sample], PROJECT))
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)) == []
