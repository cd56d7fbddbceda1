"""Judge one benchmark against its stored baseline, or record a new one."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Sequence

from pytest_accel.analysis import provenance_diff, workload_diff
from pytest_accel.analysis.formatting import count
from pytest_accel.analysis.rules import next_steps
from pytest_accel.analysis.rules.disturbance import clean_blocks
from pytest_accel.baselines.errors import AlreadyStored, BrokenBaseline, StoreError
from pytest_accel.frameworks.introspection import NO_FRAMEWORK
from pytest_accel.frameworks.recognized import RECOGNIZED
from pytest_accel.gate import sampling_loop
from pytest_accel.gate.benchmark_kind import BenchmarkKind, GateContext
from pytest_accel.gate.explanations import unmeasured_result, with_machine_conditions
from pytest_accel.gate.kinds import KINDS
from pytest_accel.gate.sampling_loop import Sampler
from pytest_accel.gate.step_timing import run_budget_s
from pytest_accel.records import (
    AcceptedEntry,
    Baseline,
    Benchmark,
    Comparison,
    NeedMore,
    Outcome,
    Result,
    Run,
    Steps,
    Verdict,
    Workload,
    parameters,
)
from pytest_accel.records.plans import BLOCKS, RunSize
from pytest_accel.records.run_errors import InvalidRun, Unmeasured

MAX_NAMES = 3
"""Of other hardware, in a sentence."""

ANY_HARDWARE = "any-"
"""How the name of hardware begins under which baselines for all machines lie, such as any-cpu."""

STORED_UNDER_ANOTHER_FRAMEWORK = (
    "this step uses {is_of}, and its baseline is stored under {label}, where earlier versions put steps of "
    "any framework; if the step used to use {label}, delete {file} and record it again"
)


class BaselineGate:
    """Judges a benchmark by what the store holds, or records it there. Reports call it ``nodeid``.

    ``on_progress`` is called with the provisional verdict while more runs are needed, and ``pause`` with
    seconds to wait. Once ``is_out_of_time``, no run begins beyond those that were asked for.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        nodeid: str,
        context: GateContext,
        on_progress: Callable[[Verdict], None],
        *,
        pause: Callable[[float], None] = time.sleep,
        is_out_of_time: Callable[[], bool] = lambda: False,
    ) -> None:
        self._benchmark = benchmark
        self._nodeid = nodeid
        self._context = context
        self._accelerator = context.accelerator
        self._store = context.store
        self._settings = context.settings
        self._on_progress = on_progress
        self._pause = pause
        self._is_out_of_time = is_out_of_time
        self._notes: tuple[str, ...] = ()

    def run_size(self, workload: Workload) -> RunSize:
        """Runs are as large as those of the baseline, so that their fastest blocks compare.

        A new baseline has runs of full size, whatever the one before has. Recording gets no more of the
        budget for a run than a later comparison, which may need further runs. Raises BrokenBaseline and
        StoreError.
        """
        seconds = run_budget_s(self._settings)
        if self._settings.update_baselines:
            return RunSize(BLOCKS, seconds)
        baseline = self._store.load(self._benchmark, workload.framework)
        if baseline is None:
            return RunSize(BLOCKS, seconds, waits=self._settings.record_missing)  # or compared with nothing
        if baseline.workload.hash != workload.hash or not baseline.fits(self._benchmark):
            return RunSize(BLOCKS, seconds)
        accepted = [run for run in baseline.current.runs if isinstance(run, Steps)]
        if not accepted:
            return RunSize(BLOCKS, seconds)
        blocks = min(len(clean_blocks(run).step_times_s) for run in accepted)
        return RunSize(blocks, seconds, accepted[0].steps_per_block)

    def as_stored(self, workload: Workload, announced: str) -> Workload:
        """The workload under the framework that its baseline has, if there is one.

        Earlier versions took a closed step to be of the first framework that was imported, which is
        ``announced``; and what a step returns may tell nothing.
        """
        unknown = workload.framework == NO_FRAMEWORK
        others = (announced, *RECOGNIZED) if unknown else (announced,)
        for framework in (workload.framework, *others):
            try:
                baseline = self._store.load(self._benchmark, framework)
            except (BrokenBaseline, StoreError):
                return dataclasses.replace(workload, framework=framework)  # comparing with it says why not
            if baseline is not None:
                if not unknown and framework != workload.framework:
                    file = self._store.path(baseline.benchmark, framework)
                    self._notes = (
                        STORED_UNDER_ANOTHER_FRAMEWORK.format(
                            is_of=workload.framework, label=framework, file=file
                        ),
                    )
                return dataclasses.replace(workload, framework=framework)
        return workload

    def result(self, sampler: Sampler[Run]) -> Result:
        """Take runs and reach a verdict. Raises only what the sampler raises for a test that ended."""
        try:
            runs = sampling_loop.collect(sampler, self._runs_wanted, self._before_last)
            return self._judged(runs, sampler)
        except InvalidRun as invalid:
            can_run_here = not self._settings.in_process and self._settings.topology is None
            next_step = next_steps.HERE if can_run_here else None
            return Result(self._nodeid, Verdict(Outcome.INVALID, str(invalid), next_step=next_step))
        except Unmeasured:
            return unmeasured_result(self._nodeid)
        except BrokenBaseline as broken:
            return Result(self._nodeid, Verdict(Outcome.INCOMPARABLE, str(broken)))
        except StoreError as error:
            return Result(self._nodeid, Verdict(Outcome.INVALID, str(error)))

    def _runs_wanted(self, runs: Sequence[Run]) -> int:
        """What is only compared in a session that records begins with one run, and may take more."""
        compares = self._settings.record_missing and not self._is_recorded(runs, self._stored(runs))
        return 1 if compares else self._settings.runs

    def _before_last(self, runs: Sequence[Run], elapsed_s: float) -> None:
        """Let the last run of a new baseline begin later, so that the runs share no slow spell."""
        if self._is_recorded(runs, self._stored(runs)):
            pause_s = self._kind(runs).recording_span_s - elapsed_s
            if pause_s > 0:
                self._pause(pause_s)

    def _kind(self, runs: Sequence[Run]) -> BenchmarkKind:
        return KINDS[type(runs[0].observation)](self._context)

    def _stored(self, runs: Sequence[Run]) -> Baseline | None:
        return self._store.load(self._benchmark, runs[0].workload.framework)

    def _is_recorded(self, runs: Sequence[Run], baseline: Baseline | None) -> bool:
        if self._settings.update_baselines:
            return True
        return self._settings.record_missing and baseline is None and not self._is_stored_for_all(runs)

    def _is_stored_for_all(self, runs: Sequence[Run]) -> bool:
        """Whether a baseline is there that was made for hardware of any kind, and decides these runs."""
        kind = self._kind(runs)
        return any(
            identity.startswith(ANY_HARDWARE) and kind.judge_across_hardware(baseline, runs) is not None
            for identity, baseline in self._of_same_work_elsewhere(kind, runs)
        )

    def _of_same_work_elsewhere(self, kind: BenchmarkKind, runs: Sequence[Run]) -> list[tuple[str, Baseline]]:
        """Baselines of other hardware, by its name: those of most runs first.

        They are of as many devices, since each device normalizes over its own share of a batch.
        """
        devices = str(self._accelerator.devices)
        found = [
            (identity, baseline)
            for identity, baseline in self._store.on_other_hardware(
                self._benchmark, runs[0].workload.framework
            )
            if baseline.current.provenance.get("devices", "1") == devices
            and not self._differing(kind, baseline, runs)
        ]
        return sorted(found, key=lambda one: len(one[1].current.runs), reverse=True)

    def _judged(self, runs: list[Run], sampler: Sampler[Run]) -> Result:
        kind = self._kind(runs)
        baseline = self._stored(runs)
        if self._is_recorded(runs, baseline):
            while kind.wants_another_run_to_record(runs) and not self._is_out_of_time():
                runs.append(sampler.next())
            try:
                return self._recorded(kind, runs, baseline)
            except AlreadyStored:
                baseline = self._stored(runs)
        if baseline is None:
            return self._without_baseline(kind, runs)
        return self._compared(kind, runs, baseline, sampler)

    def _compared(
        self, kind: BenchmarkKind, runs: list[Run], baseline: Baseline, sampler: Sampler[Run]
    ) -> Result:
        if self._differing(kind, baseline, runs):
            return self._incomparable(kind, runs, baseline)

        def judge(seen: Sequence[Run], may_take_more: bool) -> Verdict | NeedMore:
            return kind.judge(baseline, seen, may_take_more=may_take_more)

        def may_take_another_run(seen: Sequence[Run]) -> bool:
            return kind.may_take_another_run(seen) and not self._is_out_of_time()

        verdict, runs = sampling_loop.decide(
            runs, sampler, judge, may_take_another_run, self._on_progress, self._pause
        )
        return self._finished(
            kind, with_machine_conditions(verdict, runs), runs, baseline, kind.drift(baseline, runs)
        )

    def _recorded(self, kind: BenchmarkKind, runs: list[Run], baseline: Baseline | None) -> Result:
        workload = runs[0].workload
        slow = kind.slow_run(runs)
        if slow is not None:
            runs = [*runs[:slow], *runs[slow + 1 :]]
        failure = kind.failure(runs)
        if failure is not None:
            reason = f"{failure}: not recorded as a baseline; fix the training, or relax the target"
            return self._finished(kind, Verdict(Outcome.INVALID, reason), runs, baseline)
        unfit = kind.unfit_to_record(runs)
        if unfit is not None:
            next_step = next_steps.record_when_quiet(self._runs_to_record(kind), self._settings.wait)
            return self._finished(kind, Verdict(Outcome.INVALID, unfit, next_step=next_step), runs, baseline)
        reason = f"baseline recorded from {count(len(runs), 'run')}"
        if slow is not None:
            reason += ", without one that was much slower than all others"
        if len(runs) < kind.advised_runs:
            reason += f" (--accel-runs={kind.advised_runs} or more makes later verdicts sharper)"
        caution = kind.caution_when_recorded(runs)
        if caution is not None:
            reason += f"; {caution}"
        comparisons: tuple[Comparison, ...] = ()
        differing = () if baseline is None else self._differing(kind, baseline, runs)
        if differing:
            reason += f", in place of one for other work ({', '.join(differing)})"
        elif baseline is not None:
            comparisons = _old_to_new(kind, runs, baseline)
        self._store.accept(
            self._benchmark,
            workload,
            self._accepted(kind, runs),
            only_missing=not self._settings.update_baselines,
            is_same_work=not differing,
        )
        verdict = Verdict(Outcome.RECORDED, reason, comparisons, next_step=next_steps.COMPARE)
        return self._finished(kind, verdict, runs, baseline)

    def _accepted(self, kind: BenchmarkKind, runs: Sequence[Run]) -> AcceptedEntry:
        project, devices = self._context.project, self._accelerator.devices
        return AcceptedEntry(
            time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            provenance={
                **runs[-1].provenance,
                **({} if devices == 1 else {"devices": str(devices)}),
                **({} if project is None else project.provenance),
            },
            summary=kind.summary(runs[0].workload, runs),
            runs=tuple(run.observation for run in runs),
        )

    def _without_baseline(self, kind: BenchmarkKind, runs: list[Run]) -> Result:
        failure = kind.failure(runs)
        if failure is not None:
            return self._finished(kind, Verdict(Outcome.REGRESSED, failure), runs, None)
        for identity, baseline in self._of_same_work_elsewhere(kind, runs):
            verdict = kind.judge_across_hardware(baseline, runs)
            if verdict is not None:
                return self._across_hardware(kind, verdict, runs, baseline, identity)
        elsewhere = self._stored_elsewhere(runs[0].workload)
        reason = (
            f"nothing is stored for {self._accelerator.identity}{elsewhere}: record it with "
            f"--accel-record-missing --accel-runs={self._runs_to_record(kind)}"
        )
        next_step = next_steps.record(self._runs_to_record(kind))
        return self._finished(kind, Verdict(Outcome.NO_BASELINE, reason, next_step=next_step), runs, None)

    def _stored_elsewhere(self, workload: Workload) -> str:
        """Which hardware has a baseline of this benchmark: it may be this machine with fewer of its cores."""
        names = [name for name, _ in self._store.on_other_hardware(self._benchmark, workload.framework)]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        return f", but for {', '.join(names[:MAX_NAMES])}{more}" if names else ""

    def _across_hardware(
        self, kind: BenchmarkKind, verdict: Verdict, runs: list[Run], baseline: Baseline, identity: str
    ) -> Result:
        note = (
            f"nothing is stored for {self._accelerator.identity}: compared with the baseline of {identity} "
            "in what does not depend on hardware, so times and costs are not"
        )
        return self._finished(kind, with_machine_conditions(verdict, runs), runs, baseline, (note,))

    def _commits_between(self, verdict: Verdict, baseline: Baseline | None) -> tuple[str, ...]:
        """Which revisions a regression lies between."""
        project = self._context.project
        if verdict.outcome is not Outcome.REGRESSED or baseline is None or project is None:
            return ()
        before, now = baseline.current.provenance.get("revision"), project.short_revision
        if before is None or now is None or before == now:
            return ()
        commits = f"{before.split()[0]}..{now.split()[0]}"
        return (
            f"recorded at revision {before}, measured at {now}: `git log {commits}` lists what came between",
        )

    def _incomparable(self, kind: BenchmarkKind, runs: list[Run], baseline: Baseline) -> Result:
        fields = ", ".join(self._differing(kind, baseline, runs))
        if baseline.fits(self._benchmark):
            way_out = "measure the same work, or accept the new one with --accel-update-baselines"
        else:
            way_out = (
                "accept them with --accel-update-baselines; if nobody changed them, let parametrize get a "
                "list in a fixed order and ids that say what they are"
            )
        reason = f"the baseline is of other work ({fields}): {way_out}"
        return self._finished(kind, Verdict(Outcome.INCOMPARABLE, reason), runs, baseline)

    def _runs_to_record(self, kind: BenchmarkKind) -> int:
        return max(kind.advised_runs, self._settings.runs)

    def _differing(self, kind: BenchmarkKind, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """Where the work is not that of the baseline, a phrase each; empty if it is the same."""
        before, now = baseline.current.runs[-1].KIND, runs[0].observation.KIND
        if before != now:
            return (f"kind {before} -> {now}",)
        fields = workload_diff.differing_fields(baseline.workload, runs[0].workload)
        if not baseline.fits(self._benchmark):
            fields = (*parameters.differing(baseline.parameters, self._benchmark.parameters), *fields)
        return fields or kind.workload_differences(baseline, runs)

    def _finished(
        self,
        kind: BenchmarkKind,
        verdict: Verdict,
        runs: list[Run],
        baseline: Baseline | None,
        notes: Sequence[str] = (),
    ) -> Result:
        acceptable = verdict.comparisons or verdict.outcome is Outcome.INCOMPARABLE
        if verdict.next_step is None and acceptable and verdict.outcome is not Outcome.PASSED:
            step = next_steps.accept(self._runs_to_record(kind))
            verdict = dataclasses.replace(verdict, next_step=step)
        versions = runs[-1].provenance
        changes = () if baseline is None else provenance_diff.changes(baseline.current.provenance, versions)
        return Result(
            nodeid=self._nodeid,
            verdict=verdict,
            workload=runs[0].workload,
            runs=tuple(run.observation for run in runs),
            metrics=_as_compared(kind.summary(runs[0].workload, runs), verdict, runs[0].workload),
            provenance=versions,
            provenance_changes=changes,
            notes=(*self._notes, *notes, *kind.notes(runs), *self._commits_between(verdict, baseline)),
            history=() if baseline is None else baseline.accepted,
        )


def _as_compared(metrics: dict[str, float], verdict: Verdict, workload: Workload) -> dict[str, float]:
    """One number for one thing: the step time that was compared, of runs that were cut to the same length."""
    for one in verdict.comparisons:
        if one.metric == "step_time_s" and "step_time_s" in metrics:
            return {**metrics, "step_time_s": one.now, "throughput": workload.examples_per_step / one.now}
    return metrics


def _old_to_new(kind: BenchmarkKind, runs: Sequence[Run], baseline: Baseline) -> tuple[Comparison, ...]:
    """What was stored and what is stored now; a verdict compares runs that were cut to the same length."""
    answer = kind.judge(baseline, runs, may_take_more=False)
    found = answer.comparisons if isinstance(answer, Verdict) else ()
    old, new = baseline.current.summary, kind.summary(runs[0].workload, runs)
    return tuple(_with_values(one, old.get(one.metric), new.get(one.metric)) for one in found)


def _with_values(one: Comparison, old: float | None, new: float | None) -> Comparison:
    """The comparison of these values, with an interval as wide as before."""
    recorded = dataclasses.replace(one, outcome=Outcome.RECORDED)
    if not old or new is None or one.change <= -1:
        return recorded
    change = new / old - 1
    low, high = ((1 + end) * (1 + change) / (1 + one.change) - 1 for end in one.interval)
    return dataclasses.replace(recorded, baseline=old, now=new, change=change, interval=(low, high))
