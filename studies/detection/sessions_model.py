"""Whole sessions of unchanged benchmarks, drawn from Gaussian noise: how often is one of them red?"""

from __future__ import annotations

from collections.abc import Mapping

from noise_model import Noise, drawn
from replay import our_outcome
from tables import rate
from tabulate import tabulate

from pytest_accel.api.settings import TOLERANCES
from pytest_accel.records import Outcome

BENCHMARKS = (5, 20, 100)
BASELINE_RUNS = 3

STORED = 4
"""Benchmarks of the same hardware whose baselines tell how much runs vary. More would make it surer."""


def table(noises: Mapping[str, Noise], sessions: int, seed: int) -> str:
    """Shares of sessions with a regression, and with one or an inconclusive benchmark, which fails in CI.

    The benchmarks of a session are drawn independently of each other. Without the control, each of them may
    be called changed 1% of the time, whatever their number.
    """
    rows = []
    for name, noise in noises.items():
        for benchmarks in BENCHMARKS:
            trials = drawn(noise, BASELINE_RUNS, STORED, count=benchmarks * sessions, seed=seed)
            with_control, without = (
                [
                    our_outcome(trial, TOLERANCES[noise.kind], 0.0, noise.kind, benchmarks=of_session)
                    for trial in trials
                ]
                for of_session in (benchmarks, 1)
            )
            rows.append([
                name,
                benchmarks,
                _share_of_sessions(without, benchmarks, Outcome.REGRESSED),
                _share_of_sessions(with_control, benchmarks, Outcome.REGRESSED),
                _share_of_sessions(with_control, benchmarks, Outcome.REGRESSED, Outcome.INCONCLUSIVE),
            ])  # fmt: skip
    headers = ["noise", "benchmarks", "regressed, without control", "regressed", "regressed or inconclusive"]
    return tabulate(rows, headers, tablefmt="github")


def _share_of_sessions(outcomes: list[Outcome], benchmarks: int, *red: Outcome) -> str:
    starts = range(0, len(outcomes), benchmarks)
    return rate(any(one in red for one in outcomes[start : start + benchmarks]) for start in starts)
