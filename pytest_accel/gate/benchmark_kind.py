"""What the gate needs to know of one kind of observation."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_accel.analysis.rules.calibration import Floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.records import Accelerator, Baseline, NeedMore, Run, Verdict, Workload
from pytest_accel.records.project import ProjectState


@dataclass(frozen=True)
class GateContext:
    """What benchmarks of one session are judged with, whatever kind they are of.

    ``benchmarks`` is how many the session has: the more there are, the surer a change has to be. ``floors``
    are what unchanged programs are known to vary by on this machine. ``project`` is the code that is
    measured.
    """

    accelerator: Accelerator
    settings: Settings
    store: BaselineStore
    benchmarks: int
    floors: Floors
    project: ProjectState | None = None


class BenchmarkKind(abc.ABC):
    """How benchmarks of one kind are summed up and judged. ``gate/kinds.py`` has them all."""

    advised_runs = 1
    """A baseline of fewer runs is worth a note."""

    recording_span_s = 0.0
    """Least time from the end of the first run of a new baseline to the beginning of the last."""

    @abc.abstractmethod
    def summary(self, workload: Workload, runs: Sequence[Run]) -> dict[str, float]:
        """The metrics of these runs."""

    @abc.abstractmethod
    def judge(self, baseline: Baseline, runs: Sequence[Run], *, may_take_more: bool) -> Verdict | NeedMore:
        """Judge these runs; ``may_take_more`` says whether another one may be asked for."""

    def judge_across_hardware(self, baseline: Baseline, runs: Sequence[Run]) -> Verdict | None:
        """Judge by a baseline of other hardware; None for what depends on hardware."""
        return None

    def may_take_another_run(self, runs: Sequence[Run]) -> bool:
        """Whether a comparison may take another run. By default another one would say the same."""
        return False

    def failure(self, runs: Sequence[Run]) -> str | None:
        """What is wrong with these runs whatever the baseline is; they are not recorded either."""
        return None

    def wants_another_run_to_record(self, runs: Sequence[Run]) -> bool:
        """Whether a further run has to tell if one of these was slow by chance."""
        return False

    def slow_run(self, runs: Sequence[Run]) -> int | None:
        """The index of a run that was slow by chance, which a baseline is recorded without."""
        return None

    def unfit_to_record(self, runs: Sequence[Run]) -> str | None:
        """Why these runs are not recorded although nothing is wrong with them."""
        return None

    def caution_when_recorded(self, runs: Sequence[Run]) -> str | None:
        """What a baseline of these runs is worth less for, None if for nothing."""
        return None

    def workload_differences(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """Where the work differs beyond the workload, one phrase for each."""
        return ()

    def notes(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """What is worth knowing beside the verdict."""
        return ()

    def drift(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """How far it has come since the first accepted entry, where there is more than one."""
        return ()
