"""How the gate handles step-time benchmarks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pytest_accel.analysis.metrics import steps as metrics_steps
from pytest_accel.analysis.rules import next_steps, outliers, step_time, variance
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, Confidence
from pytest_accel.analysis.rules.disturbance import clean_blocks, description, is_disturbed
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.run_lengths import enough_blocks, fewest_blocks, truncate_to_same_blocks
from pytest_accel.api.settings import Settings
from pytest_accel.gate import sampling_loop
from pytest_accel.gate.benchmark_kind import BenchmarkKind, GateContext
from pytest_accel.records import (
    AcceptedEntry,
    Baseline,
    Kind,
    NeedMore,
    Outcome,
    Run,
    Steps,
    Verdict,
    Workload,
)
from pytest_accel.records.plans import BLOCKS

EXTRA_RUNS = 2
"""Maximum runs beyond ``--accel-runs`` that a comparison may take while it is undecided."""

CONFIRMATION_RUNS = 2
"""Runs that have to confirm a change by themselves. They come on top of the budget: a change is rare."""

APART_S = 60.0
"""How much later they begin, on a CPU, and how much later the last run of a new baseline does than its first.
Another guest of the same physical machine slows a program for some tens of seconds at a time."""


def pause_s(settings: Settings, hardware: Kind) -> float:
    """Seconds between runs that must not share a slow spell of the machine."""
    return min(APART_S, settings.wait) if hardware is Kind.CPU else 0.0


class StepTiming(BenchmarkKind):
    """Judges runs that timed steps."""

    advised_runs = next_steps.ADVISED_RUNS

    def __init__(self, context: GateContext) -> None:
        self._kind = context.accelerator.kind
        self._settings = context.settings
        self._others = context.store.sample()
        self._benchmarks = context.benchmarks
        self._floors = context.floors
        self._apart_s = self.recording_span_s = pause_s(self._settings, self._kind)

    def summary(self, workload: Workload, runs: Sequence[Run]) -> dict[str, float]:
        return metrics_steps.summary(workload, [run.steps for run in runs])

    def may_take_another_run(self, runs: Sequence[Run]) -> bool:
        """Whether a comparison may take another run, be it to confirm a change."""
        return not self._settings.in_process and len(runs) < most_runs(self._settings) + CONFIRMATION_RUNS

    def judge(self, baseline: Baseline, runs: Sequence[Run], *, may_take_more: bool) -> Verdict | NeedMore:
        now, reference = self._compared(baseline, runs)
        within_budget = (
            len(runs) < most_runs(self._settings)
            and sampling_loop.steady_state_s(runs) < self._settings.budget
        )
        answer = step_time.judge(
            now,
            reference,
            self._policy(baseline, now, reference),
            may_take_more=may_take_more and within_budget,
            may_confirm=may_take_more,
        )
        if self._settings.in_process and isinstance(answer, Verdict) and answer.outcome is not Outcome.PASSED:
            return _unconfirmed(answer)
        return answer

    def _compared(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[list[Steps], list[Steps]]:
        """Both sides without disturbed blocks, cut to the same length.

        A run that other programs left too few blocks does not cut all others to these: it is disturbed.
        """
        reference = [clean_blocks(run) for run in _steps(baseline.current)]
        enough = enough_blocks(fewest_blocks(reference, []))
        return truncate_to_same_blocks([clean_blocks(run.steps, enough) for run in runs], reference)

    def caution_when_recorded(self, runs: Sequence[Run]) -> str | None:
        """What later sessions will not be able to say, since other programs were running."""
        steps = [run.steps for run in runs]
        if not any(map(is_disturbed, steps)):
            return None
        return (
            f"{description(steps)}, so comparisons with it end passed or inconclusive only, and may miss a "
            "slowdown"
        )

    def notes(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """Which of several hosts is the slowest."""
        steps = runs[-1].steps
        if not steps.hosts_step_time_s:
            return ()
        by_time = sorted(range(len(steps.hosts_step_time_s)), key=steps.hosts_step_time_s.__getitem__)
        slowest, fastest = by_time[-1], by_time[0]
        slowest_s, fastest_s = (steps.hosts_step_time_s[index] for index in (slowest, fastest))
        return (
            f"host {slowest} of {len(by_time)} is the slowest: {slowest_s:.4g} s for its share of a step, "
            f"{100 * (slowest_s / fastest_s - 1):+.1f}% against host {fastest}",
        )

    def drift(self, baseline: Baseline, runs: Sequence[Run]) -> tuple[str, ...]:
        """How far step time has come since the first accepted entry, where there is more than one."""
        if len(baseline.accepted) < 2:
            return ()
        now, reference = self._compared(baseline, runs)
        last = metrics_steps.step_time_s(now) / metrics_steps.step_time_s(reference) - 1
        current_s, anchor_s = (
            metrics_steps.step_time_s(_steps(entry)) for entry in (baseline.current, baseline.anchor)
        )
        first = (1 + last) * current_s / anchor_s - 1
        return (
            f"step time {100 * last:+z.1f}% against the last of {len(baseline.accepted)} accepted "
            f"baselines, {100 * first:+z.1f}% against the first",
        )

    def _policy(self, baseline: Baseline, now: Sequence[Steps], reference: Sequence[Steps]) -> Policy:
        blocks = fewest_blocks(now, reference)
        calibrated = not self._floors.runs.declared
        expected = variance.expected_variation(
            self._kind,
            [_times_s(other.accepted) for other in self._others if other != baseline],
            blocks,
            calibrated_sd=self._floors.runs.sd if calibrated else None,
        )
        return Policy(
            tolerance=self._settings.tolerance_for(self._kind),
            min_runs=1 if self._settings.record_missing else self._settings.runs,
            max_runs=most_runs(self._settings),
            expected_sd=expected.sd,
            assumed=expected.assumed,
            confidence=Confidence(change=1 - (1 - CHANGE_CONFIDENCE) / self._benchmarks),
            confirmation_runs=CONFIRMATION_RUNS,
            session_sd=self._session_sd(expected.sd),
            pause_s=self._apart_s,
            earlier_s=self._earlier_s(baseline) if blocks >= variance.FULL_BLOCKS else (),
            budget_s=self._settings.budget,
            wait_s=self._settings.wait,
        )

    def _earlier_s(self, baseline: Baseline) -> tuple[tuple[float, ...], ...]:
        """Step times (s) of full-length runs that tell how this benchmark varies, a group for each session.

        A calibration without a settings file names benchmarks from rootdir, which may lie deeper than the
        folder of the baselines.
        """
        calibrated = [
            times_s
            for name, sessions_s in self._floors.runs_s.items()
            if f"/{baseline.benchmark}".endswith(f"/{name}")
            for times_s in sessions_s
        ]
        full = [entry for entry in baseline.accepted[:-1] if _fewest_blocks(entry) >= variance.FULL_BLOCKS]
        return (*_times_s(full), *calibrated)

    def _session_sd(self, expected_run_sd: float) -> float:
        """As measured; until then at least the declared floor, however calm the runs of one sitting were."""
        sessions = self._floors.sessions
        if not sessions.declared:
            return sessions.sd
        return max(sessions.sd, variance.SESSION_SD_RATIO * expected_run_sd)

    def wants_another_run_to_record(self, runs: Sequence[Run]) -> bool:
        most = self._settings.runs + outliers.FURTHER_RUNS
        return outliers.MIN_RUNS <= len(runs) < most and not outliers.are_alike(*self._times_and_sd(runs))

    def slow_run(self, runs: Sequence[Run]) -> int | None:
        enough = outliers.MIN_RUNS + outliers.FURTHER_RUNS
        return outliers.slow_run(*self._times_and_sd(runs)) if len(runs) >= enough else None

    def _times_and_sd(self, runs: Sequence[Run]) -> tuple[list[float], float]:
        """The step time of each run, and what they vary by on a machine of this kind."""
        steps = [clean_blocks(run.steps) for run in runs]
        sd = variance.sd_for_few_blocks(self._floors.runs.sd, fewest_blocks(steps, []))
        return [metrics_steps.run_step_time_s(run) for run in steps], sd

    def unfit_to_record(self, runs: Sequence[Run]) -> str | None:
        """Who disturbed these runs, unless that is allowed by ``--accel-wait=0``."""
        steps = [self._as_far_as_complete(run.steps) for run in runs]
        if not self._settings.wait or not any(map(is_disturbed, steps)):
            return None
        return (
            f"{description(steps)}: not recorded as a baseline. End them and record again, let runs wait "
            "longer (--accel-wait=600), or record all the same (--accel-wait=0)"
        )

    def _as_far_as_complete(self, run: Steps) -> Steps:
        """Without disturbed blocks; a DisturbedRun if these kept it from being as long as it should be."""
        clean = clean_blocks(run)
        clean_s = sum(clean.step_times_s) * run.steps_per_block
        is_complete = clean_s > 0.99 * run_budget_s(self._settings)  # times are rounded
        return clean if is_complete else clean_blocks(run, enough_blocks(BLOCKS))


def run_budget_s(settings: Settings) -> float:
    """Seconds of timed steps that a run may take, which leaves room for two further ones."""
    return settings.budget / (settings.runs + EXTRA_RUNS)


def _fewest_blocks(entry: AcceptedEntry) -> int:
    return min((len(run.step_times_s) for run in entry.runs if isinstance(run, Steps)), default=0)


def most_runs(settings: Settings) -> int:
    extra = 0 if settings.update_baselines or settings.in_process else EXTRA_RUNS
    return settings.runs + extra


def _unconfirmed(verdict: Verdict) -> Verdict:
    """What the one run of ``--accel-in-process`` saw: a change needs other processes that saw it too."""
    (comparison,) = verdict.comparisons
    low, high = comparison.interval
    reason = (
        f"step time changed by {100 * comparison.change:+z.1f}% ({100 * comparison.confidence:g}% interval "
        f"{100 * low:+z.1f}% to {100 * high:+z.1f}%), and one run in this process can neither confirm nor "
        "rule out a change: run without --accel-in-process"
    )
    inconclusive = dataclasses.replace(comparison, outcome=Outcome.INCONCLUSIVE)
    return Verdict(Outcome.INCONCLUSIVE, reason, (inconclusive,), next_step=next_steps.IN_ITS_OWN_PROCESS)


def _steps(entry: AcceptedEntry) -> list[Steps]:
    return [run for run in entry.runs if isinstance(run, Steps)]


def _times_s(entries: Sequence[AcceptedEntry]) -> tuple[tuple[float, ...], ...]:
    """The step times (s) of the runs of each entry."""
    return tuple(
        tuple(metrics_steps.run_step_time_s(run) for run in entry.runs if isinstance(run, Steps))
        for entry in entries
    )
