"""How the rules are to decide: what a gate hands to them beside the observations. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.analysis.rules.decision import DEFAULT_CONFIDENCE, Confidence

LOOKS = (4, 6, 9, 14, 20)
"""Numbers of pairs after which a comparison of two environments is evaluated: each look costs precision."""

LOOK_SHARES = (1.0, 0.6, 0.43, 0.33, 0.27)
"""By the number of evaluations, what each of them may spend of the allowed errors.

More than its part, since evaluations have most of their pairs in common. For normal noise of known size all
together then keep to what is allowed, for a pass (2.5% on one side) and for a change (1% on both): Pocock,
"Group sequential methods in the design and analysis of clinical trials" (1977), with the numbers of LOOKS.
tests/analysis/test_rule_paired.py draws them.
"""


@dataclass(frozen=True)
class Policy:
    """How a rule is to decide.

    ``tolerance`` is relative (0.02: a step time below 1.02 x baseline does not matter). Results are evaluated
    after ``min_runs`` fresh processes and after each further run up to ``max_runs``. A change is confirmed by
    ``confirmation_runs`` later ones, which begin ``pause_s`` seconds after those that showed it.

    ``expected_sd`` is the standard deviation of the log step time between fresh processes that is expected
    on this machine; ``assumed`` says that it was declared for the accelerator kind rather than measured here.
    ``session_sd`` is that between sessions for a benchmark that varies as expected, None where it is taken to
    be a share of ``expected_sd``.
    ``earlier_s`` has the step times (s) of runs that belong together and are not compared, such as those of
    earlier baselines: they tell how much this benchmark varies. ``budget_s`` and ``wait_s`` are what the
    session allowed a benchmark for measuring and a run for waiting: a next step names larger ones.
    """

    tolerance: float
    min_runs: int
    max_runs: int
    expected_sd: float
    assumed: bool
    confidence: Confidence = DEFAULT_CONFIDENCE
    confirmation_runs: int = 2
    pause_s: float = 0.0
    session_sd: float | None = None
    earlier_s: tuple[tuple[float, ...], ...] = ()
    budget_s: float = 60.0
    wait_s: float = 60.0


@dataclass(frozen=True)
class PairPolicy:
    """How the rule on pairs is to decide.

    ``tolerance`` and ``confidence`` are as in :class:`Policy`. Results are evaluated after ``min_pairs``
    pairs, after ``max_pairs``, and after those of ``LOOKS`` between. The standard deviations are of
    logarithms: ``interleaved_sd`` is what the ratio of a pair varies by beside the noise of its rounds,
    ``run_sd`` what the step time of one process varies by, for pairs whose processes came one after the
    other.
    """

    tolerance: float
    min_pairs: int
    max_pairs: int
    interleaved_sd: float
    run_sd: float
    confidence: Confidence = DEFAULT_CONFIDENCE

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of pairs after which results are evaluated."""
        between = (look for look in LOOKS if self.min_pairs < look < self.max_pairs)
        return tuple(dict.fromkeys((self.min_pairs, *between, self.max_pairs)))

    @property
    def confidence_of_each(self) -> Confidence:
        """That of each evaluation, with which all of them keep to ``confidence``."""
        return self.confidence.shared(LOOK_SHARES[len(self.looks) - 1])
