"""Comparisons of two environments, drawn from Gaussian noise and judged as --accel-against judges them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from tables import rate
from tabulate import tabulate

from pytest_accel.analysis.rules.paired import INTERLEAVED_SD, judge
from pytest_accel.analysis.rules.policy import PairPolicy
from pytest_accel.analysis.rules.variance import MIN_RUN_SD
from pytest_accel.api.settings import TOLERANCES_AGAINST
from pytest_accel.gate.environment_gate import MAX_PAIRS, MIN_PAIRS
from pytest_accel.records import Kind, Outcome, Pair, Run, Steps, Verdict, Workload

NOISES = ((0.01, 0.05), (0.015, 0.07), (0.02, 0.07), (0.02, 0.10), (0.03, 0.10), (0.05, 0.07))
"""Standard deviations of the log ratio: from pair to pair, and from round to round."""

SLOWDOWNS = (0.0, 0.025, 0.05)
"""None, just the tolerance, and twice that."""
ROUNDS = 22
STEP_TIME_S = 0.13
POLICY = PairPolicy(
    tolerance=TOLERANCES_AGAINST[Kind.CPU],
    min_pairs=MIN_PAIRS,
    max_pairs=MAX_PAIRS,
    interleaved_sd=INTERLEAVED_SD[Kind.CPU],
    run_sd=MIN_RUN_SD[Kind.CPU],
)


def table(count: int, seed: int, first: int | None = None) -> str:
    """The outcomes of ``count`` comparisons for each noise and slowdown, or for the first noises only."""
    rng = np.random.default_rng(seed)
    rows = []
    for between, rounds in NOISES[:first]:
        for slowdown in SLOWDOWNS:
            drawn = [_comparison(slowdown, between, rounds, rng) for _ in range(count)]
            outcomes = [outcome for outcome, _ in drawn]
            rows.append([
                f"{100 * between:g}%",
                f"{100 * rounds:g}%",
                f"{100 * slowdown:g}%",
                *(rate(one is outcome for one in outcomes) for outcome in
                  (Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.REGRESSED, Outcome.IMPROVED)),
                statistics.median(pairs for _, pairs in drawn),
            ])  # fmt: skip
    headers = ["pairs differ by", "rounds by", "slower", "passed", "inconclusive", "regressed", "improved"]
    return tabulate(rows, [*headers, "median pairs"], tablefmt="github")


def _comparison(
    slowdown: float, between: float, rounds: float, rng: np.random.Generator
) -> tuple[Outcome, int]:
    """The outcome, and after how many pairs it was decided."""
    pairs: list[Pair] = []
    while True:
        change = np.log1p(slowdown) + between * rng.standard_normal()
        ratios = np.exp(change + rounds * rng.standard_normal(ROUNDS))
        pairs.append(
            Pair(
                recorded_run((STEP_TIME_S * ratios).tolist()),
                recorded_run([STEP_TIME_S] * ROUNDS),
                interleaved=True,
            )
        )
        answer = judge(pairs, POLICY, may_take_more=len(pairs) < POLICY.max_pairs)
        if isinstance(answer, Verdict):
            return answer.outcome, len(pairs)


def recorded_run(times_s: Sequence[float]) -> Run:
    """A run of one step per block, which took these times."""
    steps = Steps(tuple(times_s), 1, 0.0, 0.0, 0.0, 0.0, 0)
    return Run(Workload("measure", "python", 1), steps, {})
