"""How the gate handles benchmarks that train to a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from pytest_accel.analysis.metrics import convergence
from pytest_accel.analysis.rules import convergence as rules_convergence
from pytest_accel.analysis.rules import next_steps, variance
from pytest_accel.api.settings import Settings
from pytest_accel.gate.benchmark_kind import BenchmarkKind
from pytest_accel.records import Baseline, Curve, Kind, Outcome, Run, Verdict, Workload


class ConvergenceTraining(BenchmarkKind):
    """Judges runs that trained to a target, one seed each.

    A baseline of other hardware will do as well, for all but the times.
    """

    advised_runs = 5
    """With fewer seeds it is hardly known how much seeds differ."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        sd = variance.MIN_RUN_SD[kind] * math.hypot(1, variance.SESSION_SD_RATIO)
        self._time_tolerance = rules_convergence.TimeTolerance(settings.tolerance_for(kind), sd)

    def summary(self, workload: Workload, runs: Sequence[Run]) -> dict[str, float]:
        return convergence.summary([run.curve for run in runs], target_of(workload))

    def judge(self, baseline: Baseline, runs: Sequence[Run], *, may_take_more: bool) -> Verdict:
        """The number of seeds is planned: to look again would give chance a second opportunity."""
        return self._judged(baseline, runs, self._time_tolerance)

    def judge_across_hardware(self, baseline: Baseline, runs: Sequence[Run]) -> Verdict:
        """All but the times."""
        return self._judged(baseline, runs, None)

    def _judged(
        self,
        baseline: Baseline,
        runs: Sequence[Run],
        time_tolerance: rules_convergence.TimeTolerance | None,
    ) -> Verdict:
        failure = self.failure(runs)
        if failure is not None:
            return Verdict(Outcome.REGRESSED, failure)
        reference = _curves(baseline)
        if len(reference) < 2:
            return Verdict(
                Outcome.INCONCLUSIVE,
                "the baseline has one seed, which cannot tell how much seeds differ: record it with "
                f"--accel-update-baselines --accel-runs={self.advised_runs}",
                next_step=next_steps.record_more_seeds(self.advised_runs),
            )
        curves = [run.curve for run in runs]
        return rules_convergence.judge(curves, reference, target_of(baseline.workload), time_tolerance)

    def failure(self, runs: Sequence[Run]) -> str | None:
        """What is wrong with these runs whatever the baseline is, so that they make none either."""
        return rules_convergence.failure([run.curve for run in runs], target_of(runs[0].workload))

    def workload_differences(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """The sizes of the two sets where they are not those of the baseline: a name does not tell them."""
        before, now = _curves(baseline)[-1], runs[-1].curve
        return tuple(
            f"{name} {getattr(before, name)} -> {getattr(now, name)}"
            for name in ("train_examples", "evaluation_examples")
            if getattr(before, name) != getattr(now, name)
        )

    def notes(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """Which runs went on with what an earlier process had trained."""
        return tuple(
            f"seed {run.curve.seed} went on after epoch {run.curve.epochs_before} of a run that was ended"
            for run in runs
            if run.curve.epochs_before
        )


def _curves(baseline: Baseline) -> list[Curve]:
    return [run for run in baseline.current.runs if isinstance(run, Curve)]


def target_of(workload: Workload) -> float:
    """The top-1 to be reached, as a share."""
    return cast("float", workload.parameters["target"])
