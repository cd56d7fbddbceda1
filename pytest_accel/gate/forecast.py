"""What a session will take, said before it begins."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_accel.analysis.formatting import count, duration
from pytest_accel.analysis.rules.policy import LOOKS
from pytest_accel.api.settings import Settings
from pytest_accel.gate.step_timing import pause_s
from pytest_accel.records import Baseline, Kind, Steps


def forecast(benchmarks: Sequence[tuple[Settings, Baseline | None]], hardware: Kind) -> str:
    """Say how long these benchmarks take on such hardware: each with what is stored of it.

    Runs are expected to take what those of the baseline took, start-up included, and no change to need
    confirmation. Of a benchmark without a baseline only the limit of its timed steps is known, as with
    ``--accel-against``, which reads no baselines. With ``--accel-topology`` nothing is timed.
    """
    known_s = [_seconds(settings, stored, hardware) for settings, stored in benchmarks if stored is not None]
    unknown = [settings for settings, stored in benchmarks if stored is None]
    parts = [count(len(benchmarks), "benchmark")]
    if known_s:
        compares = not benchmarks[0][0].update_baselines
        parts.append(
            f"about {duration(sum(known_s))}"
            + (f" for {len(known_s)} of them" if unknown else "")
            + (" if nothing has changed" if compares else "")
        )
    if unknown:
        others = " for each of the others" if known_s else " each" if len(unknown) > 1 else ""
        parts.append(_limit(unknown, others, hardware))
    return ", ".join(parts)


def _seconds(settings: Settings, stored: Baseline, hardware: Kind) -> float:
    runs = stored.current.runs
    run_s = statistics.fmean(run.duration_s for run in runs)
    if not isinstance(runs[0], Steps):
        return len(runs) * run_s
    if settings.update_baselines and settings.runs > 1:
        return max(settings.runs * run_s, pause_s(settings, hardware) + run_s)
    return run_s if settings.in_process or settings.record_missing else settings.runs * run_s


def _limit(benchmarks: Sequence[Settings], whose: str, hardware: Kind) -> str:
    if benchmarks[0].topology is not None:
        return f"a compilation{whose}, which takes minutes for a large program"
    most_s = max(settings.budget for settings in benchmarks)
    if benchmarks[0].against is not None:
        return (
            f"at most {LOOKS[-1]} pairs of processes and {duration(most_s)} of timed steps per side{whose}, "
            "plus start-up"
        )
    records = [one for one in benchmarks if one.update_baselines or one.record_missing]
    apart_s = max((pause_s(one, hardware) for one in records if one.runs > 1), default=0.0)
    extras = ["start-up"]
    if apart_s:
        extras.append(f"pauses of up to {duration(apart_s)}")
    if hardware is Kind.CPU and any(one.wait for one in benchmarks):
        extras.append("waits for a quiet machine")
    steps = f"at most {duration(most_s)} of timed steps{whose}"
    return f"{steps}, plus {', '.join(extras)} and trainings to a target"
