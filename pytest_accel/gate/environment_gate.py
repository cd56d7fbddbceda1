"""Judge one benchmark in two environments, by pairs of runs. No baseline is read or written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from pytest_accel.analysis import provenance_diff
from pytest_accel.analysis.metrics import convergence, steps
from pytest_accel.analysis.rules import convergence as rules_convergence
from pytest_accel.analysis.rules import next_steps, paired
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE, Confidence
from pytest_accel.analysis.rules.policy import PairPolicy
from pytest_accel.gate import convergence as gate_convergence
from pytest_accel.gate import sampling_loop
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.gate.explanations import unmeasured_result, with_machine_conditions
from pytest_accel.gate.sampling_loop import Sampler
from pytest_accel.records import Curve, NeedMore, NextStep, Outcome, Pair, Result, Verdict
from pytest_accel.records.run_errors import InvalidRun, OtherWork, Unmeasured
from pytest_accel.reports.html import page

MIN_PAIRS = 4
"""Each pair of processes is one draw of memory layout and thread placement, and fewer prove little."""

MAX_PAIRS = 20
"""The budget is shared by this many pairs: they differ by more than the rounds of one could average out."""


class Pairs(Sampler[Pair], Protocol):
    """A source of pairs.

    ``notes`` say what both sides have in common, ``code_changes`` which code of one version differs.
    """

    notes: tuple[str, ...]
    code_changes: tuple[str, ...]


class EnvironmentGate:
    """Judges the benchmark ``nodeid`` by pairs of runs, here and in the environment called ``name``.

    ``on_progress`` is called with the provisional verdict while more pairs are needed. Once
    ``is_out_of_time``, no pair begins beyond those that are taken in any case.
    """

    def __init__(
        self,
        nodeid: str,
        context: GateContext,
        name: str,
        on_progress: Callable[[Verdict], None],
        *,
        is_out_of_time: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_out_of_time = is_out_of_time
        self._nodeid = nodeid
        self._name = name
        self._settings = settings = context.settings
        self._on_progress = on_progress
        min_pairs = max(MIN_PAIRS, settings.runs)
        kind = context.accelerator.kind
        self._policy = PairPolicy(
            tolerance=settings.tolerance_for(kind),
            min_pairs=min_pairs,
            max_pairs=max(MAX_PAIRS, min_pairs),
            interleaved_sd=context.floors.pairs.sd,
            run_sd=context.floors.runs.sd,
            confidence=Confidence(change=1 - (1 - CHANGE_CONFIDENCE) / context.benchmarks),
        )

    @property
    def seconds(self) -> float:
        """What the steps of one pair may take on both sides together: the budget is that of one side."""
        return 2 * self._settings.budget / self._policy.max_pairs

    def is_precise_enough(self, candidate_s: Sequence[float], reference_s: Sequence[float]) -> bool:
        """Whether further rounds of this pair would not make the verdict sharper."""
        return paired.precise(candidate_s, reference_s, self._policy)

    def _affordable(self, pairs: Sequence[Pair]) -> bool:
        if _trained(pairs) or self._is_out_of_time():
            return False
        return len(pairs) < self._policy.max_pairs and _spent_s(pairs) < 2 * self._settings.budget

    def result(self, sampler: Pairs) -> Result:
        """Take pairs and reach a verdict. Raises only what the sampler raises for a test that ended."""
        try:
            pairs = sampling_loop.collect(sampler, lambda _pairs: self._policy.min_pairs)
            verdict, pairs = sampling_loop.decide(
                pairs, sampler, self._judge, self._affordable, self._on_progress
            )
        except InvalidRun as invalid:
            return Result(self._nodeid, Verdict(Outcome.INVALID, str(invalid)))
        except OtherWork as differing:
            reason = f"the test measures other work in {self._name} ({differing}): let it measure the same"
            return Result(self._nodeid, Verdict(Outcome.INCOMPARABLE, reason))
        except Unmeasured:
            return unmeasured_result(self._nodeid)
        return self._finished(verdict, pairs, sampler)

    def _judge(self, pairs: Sequence[Pair], may_take_more: bool) -> Verdict | NeedMore:
        if not _trained(pairs):
            return paired.judge(pairs, self._policy, may_take_more=may_take_more)
        candidate, reference = _curves(pairs)
        target = gate_convergence.target_of(pairs[0].candidate.workload)
        for curve in reference:
            if convergence.epochs_to_target(curve, target) is None:
                return Verdict(Outcome.INVALID, f"in {self._name}: {rules_convergence.missed(curve, target)}")
        pace = rules_convergence.TimeTolerance(self._policy.tolerance, self._policy.run_sd)
        return rules_convergence.judge(
            candidate, reference, target, pace, change_confidence=self._policy.confidence.change
        )

    def _finished(self, verdict: Verdict, pairs: Sequence[Pair], sampler: Pairs) -> Result:
        candidate, reference = [pair.candidate for pair in pairs], [pair.reference for pair in pairs]
        verdict = dataclasses.replace(verdict, next_step=verdict.next_step or self._next_step(verdict, pairs))
        changes, only = provenance_diff.differences(reference[-1].provenance, candidate[-1].provenance)
        return Result(
            nodeid=self._nodeid,
            verdict=with_machine_conditions(verdict, candidate),
            workload=candidate[-1].workload,
            runs=tuple(run.observation for run in candidate),
            metrics=_summary(pairs),
            provenance=candidate[-1].provenance,
            provenance_changes=(*changes, *sampler.code_changes),
            notes=(*sampler.notes, *only),
            reference_runs=tuple(run.observation for run in reference),
            interleaved_pairs=tuple(pair.interleaved for pair in pairs),
        )

    def _next_step(self, verdict: Verdict, pairs: Sequence[Pair]) -> NextStep | None:
        if verdict.outcome is Outcome.REGRESSED:
            can_plot = self._settings.html is None and not page.missing_modules()
            return next_steps.see_plots("accel.html") if can_plot else next_steps.AGAIN
        if verdict.outcome is not Outcome.INCONCLUSIVE:
            return None
        if self._is_out_of_time():
            return next_steps.WITHOUT_SESSION_BUDGET
        if _spent_s(pairs) < 2 * self._settings.budget:
            return next_steps.more_runs(2 * len(pairs))  # each pair is as precise as it can be
        return next_steps.longer_pairs(2 * self._settings.budget)


def _spent_s(pairs: Sequence[Pair]) -> float:
    return sum(sampling_loop.steady_state_s([pair.candidate, pair.reference]) for pair in pairs)


def _trained(pairs: Sequence[Pair]) -> bool:
    return pairs[0].candidate.observation.KIND == Curve.KIND


def _curves(pairs: Sequence[Pair]) -> tuple[list[Curve], list[Curve]]:
    return [pair.candidate.curve for pair in pairs], [pair.reference.curve for pair in pairs]


def _summary(pairs: Sequence[Pair]) -> dict[str, float]:
    workload = pairs[0].candidate.workload
    if _trained(pairs):
        return convergence.summary(_curves(pairs)[0], gate_convergence.target_of(workload))
    return steps.summary(workload, [pair.candidate.steps for pair in pairs])
