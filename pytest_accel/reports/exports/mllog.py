"""MLPerf log lines of convergence runs: github.com/mlcommons/logging, ``mlperf_logging.mllog.constants``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pytest_accel.records import Curve
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_reader import Report, ReportedBenchmark
from pytest_accel.reports.common.json_writer import finite


def text(report: Report) -> str:
    """A run of lines for each seed. Their clock counts milliseconds from the start of that run's process.

    Raises UserError for a report without convergence benchmarks.
    """
    lines = [
        f":::MLLOG {json.dumps(finite(event), allow_nan=False)}\n"
        for benchmark in report.benchmarks
        for run in benchmark.runs
        if isinstance(run, Curve)
        for event in _events(benchmark, run)
    ]
    if not lines:
        raise UserError("the report has no convergence benchmark, and MLPerf logs are about training")
    return "".join(lines)


def _events(benchmark: ReportedBenchmark, curve: Curve) -> Iterator[dict[str, Any]]:
    workload = dict(benchmark.workload or {})
    where = {"file": benchmark.nodeid, "lineno": 0}
    target = workload.get("target")
    now_s = 0.0

    def event(key: str, value: object, kind: str = "POINT_IN_TIME", **metadata: object) -> dict[str, Any]:
        return {
            "namespace": "",
            "time_ms": round(1000 * now_s),
            "event_type": kind,
            "key": key,
            "value": value,
            "metadata": {**where, **metadata},
        }

    yield event("init_start", None, "INTERVAL_START")
    facts = {
        "submission_benchmark": workload.get("name"),
        "global_batch_size": workload.get("examples_per_step"),
        "train_samples": curve.train_examples,
        "eval_samples": curve.evaluation_examples,
        "seed": curve.seed,
        "opt_base_learning_rate": workload.get("learning_rate"),
        "opt_learning_rate_warmup_epochs": workload.get("warmup_epochs"),
        "opt_weight_decay": workload.get("weight_decay"),
    }
    yield from (event(key, value) for key, value in facts.items() if value is not None)
    now_s = curve.startup_time_s + curve.build_time_s + curve.compile_time_s
    yield event("init_stop", None, "INTERVAL_END")
    yield event("run_start", None, "INTERVAL_START")
    for number, epoch in enumerate(curve.epochs, 1):
        yield event("epoch_start", None, "INTERVAL_START", epoch_num=number)
        now_s += epoch.training_time_s
        yield event("epoch_stop", None, "INTERVAL_END", epoch_num=number)
        yield event("eval_start", None, "INTERVAL_START", epoch_num=number)
        now_s += epoch.evaluation_time_s
        yield event("eval_accuracy", epoch.top1, epoch_num=number)
        yield event("eval_stop", None, "INTERVAL_END", epoch_num=number)
    best = max((epoch.top1 for epoch in curve.epochs), default=0.0)
    reached = isinstance(target, int | float) and best >= target
    yield event("run_stop", None, "INTERVAL_END", status="success" if reached else "aborted")
