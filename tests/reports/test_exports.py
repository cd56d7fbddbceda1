"""A report in the formats of other tools, read back by their own code or by the schema that they publish."""

from __future__ import annotations

import json

import jsonschema
import pytest
from mlperf_logging.compliance_checker.mlp_parser.ruleset_400 import parse_file
from mlperf_logging.mllog import constants
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pytest_accel.cli import main
from pytest_accel.records import (
    Accelerator,
    Comparison,
    Curve,
    Epoch,
    Kind,
    Outcome,
    Result,
    Steps,
    Verdict,
    Workload,
)
from pytest_accel.reports.common import json_writer

# bencher.dev/docs/reference/bencher-metric-format
BENCHER = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                }
            },
        }
    },
}

GPU = Accelerator("gpu-x100", Kind.GPU, "X100", 1)
STEP = Result(
    "benchmarks/test_it.py::test_step[64]",
    Verdict(
        Outcome.REGRESSED,
        "slower",
        (
            Comparison(
                *("step_time_s", 0.10, 0.12, 0.2, (0.15, 0.25), 0.95, 0.02),
                *("lower_is_better", Outcome.REGRESSED),
            ),
        ),
    ),
    Workload("resnet50", "tensorflow", 64, {"precision": "float32"}),
    (Steps((0.12, 0.13), 4, 1.0, 2.0, 3.0, 4.0, 5, None, (2.5, 2.25)),),
    {"step_time_s": 0.12, "throughput": 533.0, "peak_memory_bytes": 1e9, "cost_per_epoch_usd": None},
)
FIRST = Epoch(2.0, 0.5, 0.75, 10.0, 1.0)
CURVE = Result(
    "benchmarks/test_it.py::test_digits",
    Verdict(Outcome.PASSED, "as before"),
    Workload("resnet50", "jax", 64, {"dataset": "digits", "epochs": 2, "target": 0.9, "learning_rate": 0.05}),
    tuple(
        Curve(seed, (FIRST, Epoch(1.0, best, 1.0, 12.0, 1.0)), 1408, 360, 3.0, 1.0, 2.0)
        for seed, best in ((0, 0.875), (7, 0.9375))
    ),
    {"best_top1": 0.9375, "time_to_target_s": 22.0},
)  # fmt: skip
UNMEASURED = Result("benchmarks/test_it.py::test_nothing", Verdict(Outcome.UNMEASURED, "no call"))
HOSTILE = Result(
    'test_it.py::test_x["\\\n<b>\u202e\x1b[31m,{}=]',
    Verdict(Outcome.NO_BASELINE, "nothing stored"),
    Workload("measure", "none", 1, {}),
    (Steps((0.1,), 1, 1.0, 1.0, 1.0, 1.0, 1),),
    {"step_time_s": 0.1},
)


@pytest.fixture
def export(tmp_path, capsys):
    """The text in a format; what was written for ``--output``."""

    def export(form, *arguments, results=(STEP, CURVE, UNMEASURED, HOSTILE)):
        path = tmp_path / "report.json"
        path.write_text(json_writer.text(GPU, None, {}, results))
        code = main.main(["export", form, str(path), *map(str, arguments)])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return export


def test_bencher_takes_every_measurement_with_its_bounds(export):
    measured = json.loads(export("bencher"))
    jsonschema.validate(measured, BENCHER)
    assert set(measured) == {STEP.nodeid, CURVE.nodeid, HOSTILE.nodeid}
    assert measured[STEP.nodeid] == {
        "step-time-s": {
            "value": 0.12,
            "lower_value": pytest.approx(0.115),
            "upper_value": pytest.approx(0.125),
        },
        "throughput": {"value": 533.0},
        "peak-memory-bytes": {"value": 1e9},
    }


def test_openmetrics_has_a_sample_for_each_metric_and_benchmark(export):
    families = {family.name: family for family in text_string_to_metric_families(export("openmetrics"))}
    step_time = families["pytest_accel_step_time_seconds"]
    assert step_time.unit == "seconds"
    assert {sample.labels["benchmark"]: sample.value for sample in step_time.samples} == {
        STEP.nodeid: 0.12,
        HOSTILE.nodeid: 0.1,
    }
    assert families["pytest_accel_throughput"].samples[0].labels == {
        "benchmark": STEP.nodeid,
        "hardware": "gpu-x100",
        "framework": "tensorflow",
    }
    assert families["pytest_accel_peak_memory_bytes"].samples[0].value == 1e9
    outcomes = {sample.labels["outcome"] for sample in families["pytest_accel_outcome"].samples}
    assert outcomes == {"regressed", "passed", "unmeasured", "no_baseline"}


def test_mlperf_reads_the_log_of_every_seed(export, tmp_path):
    log = tmp_path / "result.txt"
    log.write_text(export("mllog"))
    lines, failed = parse_file(str(log))
    assert failed == []
    assert [line.timestamp for line in lines if line.key == constants.RUN_STOP] == [30000, 30000]
    stops = [line.value["metadata"]["status"] for line in lines if line.key == constants.RUN_STOP]
    assert stops == [constants.ABORTED, constants.SUCCESS]
    accuracies = [line.value["value"] for line in lines if line.key == constants.EVAL_ACCURACY]
    assert accuracies == [0.5, 0.875, 0.5, 0.9375]
    assert [line.value["value"] for line in lines if line.key == constants.SEED] == [0, 7]
    known = {getattr(constants, name) for name in dir(constants) if name.isupper()}
    assert {line.key for line in lines} <= known


def test_tensorboard_reads_curves_and_step_times(export, tmp_path):
    assert "tensorboard --logdir" in export("tensorboard", f"--output={tmp_path / 'logs'}")
    home = tmp_path / "logs/benchmarks/test_it.py"
    steps = EventAccumulator(str(home / "test_step[64]/run-0")).Reload()
    assert [(event.step, event.value) for event in steps.Scalars("loss")] == [(4, 2.5), (8, 2.25)]
    assert [event.value for event in steps.Scalars("step_time_s")] == pytest.approx([0.12, 0.13])
    curve = EventAccumulator(str(home / "test_digits/seed-7")).Reload()
    assert [(event.step, event.value) for event in curve.Scalars("top1")] == [(1, 0.5), (2, 0.9375)]
    assert len(list((tmp_path / "logs").rglob("events.out.*"))) == 4


def test_tensorboard_never_gets_a_second_export_of_a_run_into_its_folder(export, tmp_path, capsys):
    export("tensorboard", f"--output={tmp_path / 'logs'}")
    written = sorted((tmp_path / "logs").rglob("*"))
    said = refused(capsys, "tensorboard", tmp_path / "report.json", f"--output={tmp_path / 'logs'}")
    assert "has events of an earlier export: name another folder, or remove it" in said
    assert sorted((tmp_path / "logs").rglob("*")) == written


@pytest.mark.parametrize("form", ["bencher", "openmetrics"])
def test_a_report_without_measurements_is_no_error(export, form):
    text = export(form, results=(UNMEASURED,))
    assert "step" not in text
    assert ("unmeasured" in text) == (form == "openmetrics")


def test_mlperf_has_no_use_for_a_report_without_training(export, tmp_path, capsys):
    export("bencher", results=(STEP,))
    assert "has no convergence benchmark" in refused(capsys, "mllog", tmp_path / "report.json")


def test_a_text_can_go_into_a_file(export, tmp_path):
    assert export("bencher", f"--output={tmp_path / 'bmf.json'}") == f"wrote {tmp_path / 'bmf.json'}\n"
    assert STEP.nodeid in json.loads((tmp_path / "bmf.json").read_text())


def refused(capsys, *arguments):
    assert main.main(["export", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Expecting property name"),
        ("[]", "an object expected"),
        ("{}", "schema: None is none that this pytest-accel reads"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_report_is_named(tmp_path, capsys, content, complaint):
    path = tmp_path / "report.json"
    path.write_text(content)
    said = refused(capsys, "bencher", path)
    assert said.startswith(f"pytest-accel: {path}: ")
    assert complaint in said


def test_what_cannot_be_read_or_written_is_named_with_the_way_out(export, tmp_path, capsys):
    export("bencher")
    report = tmp_path / "report.json"
    assert "cannot read nowhere.json" in refused(capsys, "bencher", "nowhere.json")
    assert "--output=FILE" in refused(capsys, "bencher", report, f"--output={tmp_path}")
    assert "--output=DIR" in refused(capsys, "tensorboard", report)
    assert f"cannot write into {report}" in refused(capsys, "tensorboard", report, f"--output={report}")


def test_a_missing_package_says_how_to_get_it(export, tmp_path, capsys, monkeypatch):
    export("bencher")
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    said = refused(capsys, "openmetrics", tmp_path / "report.json")
    assert "prometheus_client, which is not installed" in said
    assert 'pip install "pytest-accel[export]"' in said
