"""How the gate handles benchmarks that train to a target."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

from pytest_accel.analysis.metrics import convergence
from pytest_accel.analysis.rules import convergence as rules_convergence
from pytest_accel.analysis.rules import next_steps, variance
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, CHANGED
from pytest_accel.analysis.rules.disturbance import description_of_training, is_training_disturbed
from pytest_accel.gate.benchmark_kind import BenchmarkKind, GateContext
from pytest_accel.records import Baseline, Curve, Kind, Outcome, Run, Verdict, Workload

MIN_SEEDS_ON_A_CPU = 3
"""Seeds that show a change of the time to the target. Each trains for a minute or more, so that they do not
share a slow spell of a shared machine."""


class ConvergenceTraining(BenchmarkKind):
    """Judges runs that trained to a target, one seed each.

    A baseline of other hardware will do as well, for all but the times.
    """

    advised_runs = next_steps.ADVISED_SEEDS

    def __init__(self, context: GateContext) -> None:
        kind, self._settings = context.accelerator.kind, context.settings
        sd = variance.MIN_RUN_SD[kind] * math.hypot(1, variance.SESSION_SD_RATIO)
        self._time_tolerance = rules_convergence.TimeTolerance(
            self._settings.tolerance_for(kind), sd, MIN_SEEDS_ON_A_CPU if kind is Kind.CPU else 1
        )
        self._change_confidence = 1 - (1 - CHANGE_CONFIDENCE) / context.benchmarks

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
        verdict = rules_convergence.judge(
            [run.curve for run in runs],
            reference,
            target_of(baseline.workload),
            time_tolerance,
            change_confidence=self._change_confidence,
        )
        return _unconfirmed(verdict) if self._settings.in_process else verdict

    def unfit_to_record(self, runs: Sequence[Run]) -> str | None:
        """Who slowed these trainings, unless that is allowed by ``--accel-wait=0``."""
        curves = [run.curve for run in runs]
        if not self._settings.wait or not any(map(is_training_disturbed, curves)):
            return None
        return (
            f"{description_of_training(curves)}, so the time is not that of the program: not recorded as a "
            "baseline. End them and record again, or record all the same (--accel-wait=0)"
        )

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


def _unconfirmed(verdict: Verdict) -> Verdict:
    """What a training in this process came to: a change is shown in processes of their own."""
    if verdict.outcome not in CHANGED:
        return verdict
    comparisons = tuple(
        dataclasses.replace(one, outcome=Outcome.INCONCLUSIVE) if one.outcome in CHANGED else one
        for one in verdict.comparisons
    )
    reason = (
        f"{verdict.reason}; one run in this process does not confirm that: run without --accel-in-process"
    )
    return Verdict(Outcome.INCONCLUSIVE, reason, comparisons, next_step=next_steps.IN_ITS_OWN_PROCESS)


def _curves(baseline: Baseline) -> list[Curve]:
    return [run for run in baseline.current.runs if isinstance(run, Curve)]


def target_of(workload: Workload) -> float:
    """The top-1 to be reached, as a share."""
    return cast("float", workload.parameters["target"])
