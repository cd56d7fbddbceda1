"""What a session came to, for tests of the page: one benchmark that regressed, one that learned."""

from __future__ import annotations

from pytest_accel.records import (
    Accelerator,
    AcceptedEntry,
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
from pytest_accel.reports.html import page

HARDWARE = "accel: gpu, 4 x NVIDIA X100 [baselines: gpu-x100]"
GPU = Accelerator("gpu-x100", Kind.GPU, "NVIDIA X100", 4)
HOSTILE = "test_<script>alert(1)</script>\"'{{7*7}}&lt;\u202e\x1b[31m]]></script><b>"


def steps(*times):
    return Steps(times, 4, 1.0, 2.0, 3.0, 4.0, 5, None)


def entry(month, step_time_s, *runs):
    return AcceptedEntry(f"2026-0{month}-01T00:00:00+00:00", {}, {"step_time_s": step_time_s}, runs)


REGRESSED = Result(
    "benchmarks/test_it.py::test_step[64]",
    Verdict(
        Outcome.REGRESSED,
        "11.8% more time per step",
        (
            Comparison(
                *("step_time_s", 0.355, 0.397, 0.118, (0.1, 0.14), 0.95, 0.02),
                *("lower_is_better", Outcome.REGRESSED),
            ),
        ),
    ),
    Workload("resnet50", "tensorflow", 64, {"precision": "float32"}),
    (steps(0.4, 0.397, 0.41, 0.42),),
    {"throughput": 161.2, "step_time_s": 0.397},
    {"tensorflow": "2.21.0"},
    ("tensorflow 2.20.0 -> 2.21.0",),
    ("+11.8% against the last, +13.4% against the first",),
    history=(entry(1, 0.35, steps(0.35, 0.36)), entry(2, 0.355, steps(0.355, 0.36, 0.37))),
)


def curve(seed, *shares):
    return Curve(seed, tuple(Epoch(1.0, top1, 1.0, 9.0, 1.0) for top1 in shares), 1408, 360, 1.0, 1.0, 1.0)


LEARNED = Result(
    "benchmarks/test_it.py::test_digits",
    Verdict(Outcome.PASSED, "one seed lies where the baseline's seeds do"),
    Workload("resnet50", "tensorflow", 64, {"dataset": "digits", "target": 0.9, "epochs": 4}),
    (curve(0, 0.1, 0.5, 0.91, 0.95),),
    {"throughput": 120.0, "best_top1": 0.95, "epochs_to_target": 3.0, "time_to_target_s": 27.0},
    history=(
        AcceptedEntry(
            "2026-01-01T00:00:00+00:00",
            {},
            {"best_top1": 0.96},
            (curve(1, 0.2, 0.4, 0.9, 0.94), curve(2, 0.15, 0.55, 0.92, 0.96)),
        ),
    ),
)


def text(*results, price=None, folder=None, strict=False, project=None):
    report = json_writer.document(GPU, price, {}, results)
    return page.text(HARDWARE, report, results, folder or page.Path("nowhere"), project, strict=strict)
