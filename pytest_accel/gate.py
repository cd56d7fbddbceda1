"""One benchmark against its baseline: how large its runs are, what they come to, what is stored."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from pytest_accel import comparable, engine, hardware, metrics, provenance
from pytest_accel.records import (
    Accelerator,
    Accepted,
    Baseline,
    Comparison,
    NeedMore,
    Outcome,
    Result,
    Run,
    Verdict,
    Workload,
)
from pytest_accel.rules import step_time, variance
from pytest_accel.rules.policy import Policy
from pytest_accel.samplers import InvalidRun, Sampler, Unmeasured
from pytest_accel.samplers.observe import BLOCKS, Size
from pytest_accel.settings import Settings
from pytest_accel.stores.errors import BrokenBaseline, StoreError
from pytest_accel.stores.json_files import JsonStore

EXTRA_RUNS = 2
"""A comparison may take so many runs beyond ``--accel-runs`` while it is undecided."""

ADVISED_RUNS = 3
"""A baseline of fewer runs is worth a note: the interval of every later comparison is wider for it."""


class Gate:
    """Judges the benchmark ``nodeid`` by what ``store`` holds, or stores what it came to."""

    def __init__(self, nodeid: str, accelerator: Accelerator, store: JsonStore, settings: Settings) -> None:
        self._nodeid = nodeid
        self._accelerator = accelerator
        self._store = store
        self._settings = settings

    def size(self, workload: Workload) -> Size:
        """Runs are as large as those of the baseline, so that their fastest blocks compare.

        Recording gets no more of the budget for a run than a later comparison, which may need further runs.
        Raises BrokenBaseline and StoreError.
        """
        seconds = self._settings.budget / (self._settings.runs + EXTRA_RUNS)
        baseline = self._store.load(self._nodeid, workload.framework)
        if baseline is None or baseline.workload.hash != workload.hash:
            return Size(BLOCKS, seconds)
        accepted = baseline.in_force.runs
        blocks = min(len(run.step_times_s) for run in accepted)
        return Size(blocks, seconds, accepted[0].steps_per_block)

    def result(self, sampler: Sampler[Run]) -> Result:
        """Take runs and come to a verdict. Raises only what the sampler raises for a test that ended."""
        try:
            runs = engine.collect(sampler, self._settings.runs)
            return self._judged(runs, sampler)
        except InvalidRun as invalid:
            return Result(self._nodeid, Verdict(Outcome.INVALID, str(invalid)))
        except Unmeasured:
            return unmeasured(self._nodeid)
        except BrokenBaseline as broken:
            return Result(self._nodeid, Verdict(Outcome.INCOMPARABLE, str(broken)))
        except StoreError as error:
            return Result(self._nodeid, Verdict(Outcome.INVALID, str(error)))

    @property
    def _most_runs(self) -> int:
        extra = 0 if self._settings.update_baselines or self._settings.in_process else EXTRA_RUNS
        return self._settings.runs + extra

    def _judged(self, runs: list[Run], sampler: Sampler[Run]) -> Result:
        workload = runs[0].workload
        baseline = self._store.load(self._nodeid, workload.framework)
        if self._settings.update_baselines or (self._settings.record_missing and baseline is None):
            return self._recorded(runs, baseline)
        if baseline is None:
            return self._without_baseline(runs)
        if baseline.workload.hash != workload.hash:
            return self._incomparable(runs, baseline)
        policy = self._policy(baseline)
        verdict, runs = engine.decide(
            runs,
            sampler,
            lambda seen, more: _judged_by(baseline, seen, policy, more=more),
            lambda seen: len(seen) < policy.max_runs and engine.steady_state_s(seen) < self._settings.budget,
        )
        drift = _drift(runs, baseline)
        return self._finished(explained(verdict, runs), runs, baseline, drift)

    def _policy(self, baseline: Baseline) -> Policy:
        kind = self._accelerator.kind
        stored = [baseline, *(other for other in self._store.baselines() if other != baseline)]
        groups = [
            [metrics.run_step_time_s(run) for run in accepted.runs]
            for one in stored
            for accepted in one.accepted
            if accepted.runs
        ]
        between = variance.between_run(kind, groups)
        return Policy(
            tolerance=self._settings.tolerance_for(kind),
            min_runs=self._settings.runs,
            max_runs=self._most_runs,
            between_run_sd=between.sd,
            between_run_dof=between.dof,
            assumed=between.assumed,
        )

    def _recorded(self, runs: list[Run], baseline: Baseline | None) -> Result:
        workload = runs[0].workload
        count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        reason = f"baseline recorded from {count}"
        if len(runs) < ADVISED_RUNS:
            reason += f" (--accel-runs={ADVISED_RUNS} or more makes later verdicts sharper)"
        comparisons: tuple[Comparison, ...] = ()
        if baseline is not None:
            if baseline.workload.hash == workload.hash:
                comparisons = self._old_to_new(runs, baseline)
            else:
                fields = ", ".join(comparable.differing_fields(baseline.workload, workload))
                reason += f", in place of one for other work ({fields})"
        self._store.accept(self._nodeid, workload, _accepted(runs))
        return self._finished(Verdict(Outcome.RECORDED, reason, comparisons), runs, baseline)

    def _old_to_new(self, runs: list[Run], baseline: Baseline) -> tuple[Comparison, ...]:
        answer = _judged_by(baseline, runs, self._policy(baseline), more=False)
        found = answer.comparisons if isinstance(answer, Verdict) else ()
        return tuple(dataclasses.replace(one, outcome=Outcome.RECORDED) for one in found)

    def _without_baseline(self, runs: list[Run]) -> Result:
        reason = (
            f"nothing is stored for {self._accelerator.identity}: record it with "
            f"--accel-record-missing --accel-runs={ADVISED_RUNS}"
        )
        return self._finished(Verdict(Outcome.NO_BASELINE, reason), runs, None)

    def _incomparable(self, runs: list[Run], baseline: Baseline) -> Result:
        fields = ", ".join(comparable.differing_fields(baseline.workload, runs[0].workload))
        reason = (
            f"the baseline is of other work ({fields}): measure the same work, or accept the new one with "
            "--accel-update-baselines"
        )
        return self._finished(Verdict(Outcome.INCOMPARABLE, reason), runs, baseline)

    def _finished(
        self, verdict: Verdict, runs: list[Run], baseline: Baseline | None, notes: Sequence[str] = ()
    ) -> Result:
        versions = runs[-1].provenance
        changes = () if baseline is None else provenance.changes(baseline.in_force.provenance, versions)
        steps = tuple(run.steps for run in runs)
        return Result(
            nodeid=self._nodeid,
            verdict=verdict,
            workload=runs[0].workload,
            runs=steps,
            metrics=metrics.summary(runs[0].workload, steps),
            provenance=versions,
            provenance_changes=changes,
            notes=tuple(notes),
        )


def _judged_by(baseline: Baseline, runs: Sequence[Run], policy: Policy, *, more: bool) -> Verdict | NeedMore:
    now = [run.steps for run in runs]
    return step_time.judge(now, engine.of_equal_length(baseline.in_force.runs, now), policy, more=more)


def unmeasured(nodeid: str) -> Result:
    """What a test comes to that asked for ``accel`` and ended normally without using it."""
    reason = (
        "the test made no measuring call: call accel.throughput(...) or accel.measure(step, ...), or drop "
        "accel from its arguments"
    )
    return Result(nodeid, Verdict(Outcome.UNMEASURED, reason))


def _accepted(runs: Sequence[Run]) -> Accepted:
    steps = tuple(run.steps for run in runs)
    return Accepted(
        time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        provenance=runs[-1].provenance,
        summary=metrics.summary(runs[0].workload, steps),
        runs=steps,
    )


def explained(verdict: Verdict, runs: Sequence[Run]) -> Verdict:
    """A verdict that is no pass names what else went on, where that may explain it."""
    if verdict.outcome is Outcome.PASSED:
        return verdict
    said = [hardware.explain(run.steps.conditions) for run in runs]
    causes = "; ".join(dict.fromkeys(cause for cause in said if cause))
    return dataclasses.replace(verdict, reason=f"{verdict.reason}; {causes}") if causes else verdict


def _drift(runs: Sequence[Run], baseline: Baseline) -> tuple[str, ...]:
    """How far step time has come since the first accepted entry, where there is more than one."""
    if len(baseline.accepted) < 2:
        return ()
    now = metrics.step_time_s([run.steps for run in runs])
    last, first = (
        now / metrics.step_time_s(entry.runs) - 1 for entry in (baseline.in_force, baseline.anchor)
    )
    return (
        f"step time {100 * last:+z.1f} % against the last of {len(baseline.accepted)} accepted baselines, "
        f"{100 * first:+z.1f} % against the first",
    )
