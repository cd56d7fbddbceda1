"""Event files for TensorBoard: curves by epoch, step times by block. Needs tensorboard."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

from pytest_accel.baselines.paths import baseline_path
from pytest_accel.records import Observation
from pytest_accel.reports.common.json_reader import Report


def write(report: Report, folder: Path) -> str:
    """Write a folder for each run, named by test and seed or number; return the command that shows them.

    Raises OSError, also for a run whose folder has event files: TensorBoard would draw both as one.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    runs = {home: points for home, run in _runs(report, folder) if (points := list(run.series()))}
    for home in runs:
        if any(home.glob("events.out.tfevents.*")):
            raise FileExistsError(
                errno.EEXIST, f"{home} has events of an earlier export: name another folder, or remove it"
            )
    for home, points in runs.items():
        home.mkdir(parents=True, exist_ok=True)
        writer = EventFileWriter(str(home))
        for step, time_s, values in points:
            scalars = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
            writer.add_event(Event(wall_time=time_s, step=step, summary=Summary(value=scalars)))
        writer.close()
    return f"tensorboard --logdir {folder}"


def _runs(report: Report, folder: Path) -> Iterator[tuple[Path, Observation]]:
    """Each run with a folder of its own."""
    for benchmark in report.benchmarks:
        home = folder / baseline_path(benchmark.nodeid).with_suffix("")
        for number, run in enumerate(benchmark.runs):
            yield home / run.label(number), run
