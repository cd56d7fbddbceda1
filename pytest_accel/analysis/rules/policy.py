"""How the rules are to decide: what a gate hands to them beside the observations. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE


@dataclass(frozen=True)
class Policy:
    """How a rule is to decide.

    ``tolerance`` is relative (0.02: a step time below 1.02 x baseline does not matter). Results are evaluated
    after ``min_runs`` fresh processes and after each further run up to ``max_runs``. A change is confirmed by
    ``confirmation_runs`` later ones, which begin ``pause_s`` seconds after those that showed it, with
    ``change_confidence``. ``between_run_sd`` is the
    standard deviation of the log step time between fresh processes, with ``between_run_dof`` degrees of
    freedom; ``assumed`` says that it was declared for the accelerator kind rather than measured here.
    """

    tolerance: float
    min_runs: int
    max_runs: int
    between_run_sd: float
    between_run_dof: float
    assumed: bool
    change_confidence: float = CHANGE_CONFIDENCE
    confirmation_runs: int = 2
    pause_s: float = 0.0


@dataclass(frozen=True)
class PairPolicy:
    """How the rule on pairs is to decide.

    ``tolerance`` is as in :class:`Policy`. There is a look after ``min_pairs`` and one after each further
    pair up to ``max_pairs``. The standard deviations are of logarithms: ``interleaved_sd`` is what the ratio
    of a pair varies by beside the noise of its rounds, ``run_sd`` what the step time of one process varies
    by, for pairs whose processes came one after the other.
    """

    tolerance: float
    min_pairs: int
    max_pairs: int
    interleaved_sd: float
    run_sd: float
