"""What a session will take, said before it begins."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_accel.analysis.formatting import count, duration
from pytest_accel.analysis.rules.policy import LOOKS
from pytest_accel.api.settings import Settings
from pytest_accel.records import Baseline, Steps


def forecast(benchmarks: Sequence[tuple[Settings, Baseline | None]]) -> str:
    """Say how long these benchmarks take while nothing has changed: each with what is stored of it.

    Runs are expected to take what those of the baseline took, start-up included. Of a benchmark without one
    only the limit of its timed steps is known, as with ``--accel-against``, which reads no baselines. With
    ``--accel-topology`` nothing is timed.
    """
    known_s = [_seconds(settings, stored) for settings, stored in benchmarks if stored is not None]
    unknown = [settings for settings, stored in benchmarks if stored is None]
    parts = [count(len(benchmarks), "benchmark")]
    if known_s:
        parts.append(f"about {duration(sum(known_s))}" + (f" for {len(known_s)} of them" if unknown else ""))
    if unknown:
        others = " for each of the others" if known_s else " each" if len(unknown) > 1 else ""
        parts.append(_limit(unknown, others))
    return ", ".join(parts)


def _seconds(settings: Settings, stored: Baseline) -> float:
    runs = stored.current.runs
    wanted = len(runs)
    if isinstance(runs[0], Steps):
        wanted = 1 if settings.in_process or settings.record_missing else settings.runs
    return wanted * statistics.fmean(run.duration_s for run in runs)


def _limit(benchmarks: Sequence[Settings], whose: str) -> str:
    if benchmarks[0].topology is not None:
        return f"a compilation{whose}, which takes minutes for a large program"
    most_s = max(settings.budget for settings in benchmarks)
    if benchmarks[0].against is not None:
        return (
            f"at most {LOOKS[-1]} pairs of processes and {duration(most_s)} of timed steps per side{whose}, "
            "plus start-up"
        )
    return f"at most {duration(most_s)} of timed steps{whose}, plus start-up and trainings to a target"
