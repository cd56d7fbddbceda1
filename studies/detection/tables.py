"""The tables of the detection study: shares of trials in percent, with 95% Clopper-Pearson intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from other_rules import OTHER_RULES, Rule
from replay import Trial, our_outcome
from scipy.stats import binomtest
from tabulate import tabulate

from pytest_accel.records import Kind, Outcome

SLOWDOWNS = (0.02, 0.05, 0.10, 0.20)
CHANGED = (Outcome.REGRESSED, Outcome.IMPROVED)


def rules_table(trials: Sequence[Trial], tolerances: Sequence[float]) -> str:
    """Every rule: how often it calls an unchanged program changed, and finds a slowdown."""
    ours = [_our_row(trials, tolerance) for tolerance in tolerances]
    theirs = [_their_row(trials, name, rule) for name, rule in OTHER_RULES.items()]
    slowed = [f"{100 * slowdown:g}% slower: detected" for slowdown in SLOWDOWNS]
    headers = ["rule", "unchanged: false positive", "unchanged: inconclusive", *slowed]
    return tabulate(ours + theirs, headers, tablefmt="github")


def _our_row(trials: Sequence[Trial], tolerance: float) -> list[str]:
    unchanged = [our_outcome(trial, tolerance, 0.0) for trial in trials]
    return [
        f"pytest-accel, {100 * tolerance:g}%",
        rate(one in CHANGED for one in unchanged),
        rate(one is Outcome.INCONCLUSIVE for one in unchanged),
        *(
            rate(our_outcome(trial, tolerance, slowdown) is Outcome.REGRESSED for trial in trials)
            for slowdown in SLOWDOWNS
        ),
    ]


def _their_row(trials: Sequence[Trial], name: str, rule: Rule) -> list[str]:
    return [
        name,
        rate(rule(trial.now.ravel(), trial.before.ravel()) != 0 for trial in trials),
        "never",
        *(
            rate(rule((1 + slowdown) * trial.now.ravel(), trial.before.ravel()) == 1 for trial in trials)
            for slowdown in SLOWDOWNS
        ),
    ]


CONTRACT = (
    "noise",
    "tolerance",
    "unchanged: false positive",
    "unchanged: inconclusive",
    "the tolerance: passed",
    "twice the tolerance: detected",
    "twice the tolerance: passed",
    "targets",
)


def contract_table(rows: Sequence[Sequence[str]]) -> str:
    """What this project promises, at most 1% false verdicts and so on, of several ``contract_rows``."""
    return tabulate(rows, CONTRACT, tablefmt="github")


def contract_rows(
    noise: str, trials: Sequence[Trial], tolerances: Sequence[float], kind: Kind = Kind.CPU
) -> list[list[str]]:
    """One row per tolerance."""
    return [[noise, *_contract_row(trials, tolerance, kind)] for tolerance in tolerances]


def _contract_row(trials: Sequence[Trial], tolerance: float, kind: Kind) -> list[str]:
    unchanged = [our_outcome(trial, tolerance, 0.0, kind) for trial in trials]
    just = [our_outcome(trial, tolerance, tolerance, kind) for trial in trials]
    twice = [our_outcome(trial, tolerance, 2 * tolerance, kind) for trial in trials]
    wrong = [one in CHANGED for one in unchanged]
    undecided = [one is Outcome.INCONCLUSIVE for one in unchanged]
    border = [outcome is Outcome.PASSED for outcome in just]
    detected = [outcome is Outcome.REGRESSED for outcome in twice]
    missed = [one is Outcome.PASSED for one in twice]
    broken = [
        what
        for what, breaks in (
            ("false verdicts", _share(wrong) > 0.01),
            ("inconclusive", _share(undecided) > 0.10),
            ("detection", _share(detected) < 0.95),
            ("wrong passes", _share(missed) > 0.01),
        )
        if breaks
    ]
    return [
        f"{100 * tolerance:g}%",
        *map(rate, (wrong, undecided, border, detected, missed)),
        f"missed: {', '.join(broken)}" if broken else "met",
    ]


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def rate(hits: Iterable[bool]) -> str:
    """How many of them are true, in percent, with the interval."""
    hits = list(hits)
    interval = binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return f"{100 * _share(hits):.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
