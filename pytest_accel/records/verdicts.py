"""Verdicts: outcomes, comparisons and results."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_accel.records.baselines import AcceptedEntry
from pytest_accel.records.observations import Observation
from pytest_accel.records.workload import Workload


class Outcome(enum.StrEnum):
    """How a benchmark ended, from best to worst; the worst of several metrics is the benchmark's."""

    PASSED = "passed"
    IMPROVED = "improved"
    RECORDED = "recorded"
    SKIPPED = "skipped"
    NO_BASELINE = "no_baseline"
    INCONCLUSIVE = "inconclusive"
    REGRESSED = "regressed"
    INCOMPARABLE = "incomparable"
    UNMEASURED = "unmeasured"
    INVALID = "invalid"

    @property
    def severity(self) -> int:
        return list(Outcome).index(self)

    def fails(self, *, strict: bool) -> bool:
        """Whether this outcome fails its test: strict fails all that is not a proven pass."""
        if self in (Outcome.NO_BASELINE, Outcome.INCONCLUSIVE):
            return strict
        return self.severity >= Outcome.REGRESSED.severity


@dataclass(frozen=True)
class Comparison:
    """One metric against its baseline. ``change`` and ``interval`` are relative: 0.05 is 5% more."""

    metric: str
    baseline: float
    now: float
    change: float
    interval: tuple[float, float]
    confidence: float
    tolerance: float
    direction: str
    outcome: Outcome


@dataclass(frozen=True)
class NextStep:
    """What can be done about a verdict: call the session again for this benchmark, in another way.

    ``purpose`` says what for, as in "to record it". ``options`` come on top of those of the session, and in
    place of the same ones; those in ``without`` are left out. It records only where ``options`` say so or,
    if ``records_as_before``, where the session did. ``command`` is ``pytest``, or a subcommand of
    ``pytest-accel`` that takes benchmarks as pytest does.
    """

    purpose: str
    options: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    command: str = "pytest"
    records_as_before: bool = False


@dataclass(frozen=True)
class NextCommand:
    """A next step as it can be typed: the words before the benchmark, the benchmark, the words after it.

    ``session`` are the words that select all benchmarks of the session, None if the command has none.
    """

    purpose: str
    before: tuple[str, ...]
    benchmark: str
    session: tuple[str, ...] | None = None
    after: tuple[str, ...] = ()

    def line(self, benchmarks: Sequence[str] | None = None) -> str:
        """The command, quoted for a POSIX shell, for this benchmark or for what these words select."""
        selected = [self.benchmark] if benchmarks is None else benchmarks
        return shlex.join([*self.before, *selected, *self.after])


@dataclass(frozen=True)
class Verdict:
    """The outcome of a benchmark, its reason in one sentence, and the comparisons behind it.

    ``cause`` is the reason without the benchmark's own numbers, where others may have the same.
    """

    outcome: Outcome
    reason: str
    comparisons: tuple[Comparison, ...] = ()
    cause: str = ""
    next_step: NextStep | None = None


@dataclass(frozen=True)
class NeedMore:
    """A rule's answer while it cannot decide: another run could settle it, for the reason given.

    ``pause_s`` says how much later that run is to begin.
    """

    reason: str
    pause_s: float = 0.0


@dataclass(frozen=True)
class Result:
    """One benchmark of a session, as the reports show it.

    ``reference_runs`` are those of the other environment, each beside one of ``runs``, and
    ``interleaved_pairs`` says of each two whether their blocks alternated; empty where a stored baseline is
    compared with, and ``history`` is what that holds, oldest first. ``metrics`` are the
    ``summary`` of the kind of benchmark (``analysis/metrics``), and what ``gate/derived_metrics`` adds.
    ``provenance`` is of the run, ``provenance_changes`` lists what differs from the baseline in force or from
    the other environment, such as "tensorflow 2.20.0 -> 2.21.0". ``notes`` are further sentences: drift
    against the anchor, packages that only one environment has. ``next_command`` is the verdict's next step.
    """

    nodeid: str
    verdict: Verdict
    workload: Workload | None = None
    runs: tuple[Observation, ...] = ()
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    provenance_changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reference_runs: tuple[Observation, ...] = ()
    interleaved_pairs: tuple[bool, ...] = ()
    history: tuple[AcceptedEntry, ...] = ()
    next_command: NextCommand | None = None
    is_expected_to_fail: bool = False

    @property
    def outcome_in_words(self) -> str:
        """The outcome, and whether it was expected."""
        return f"{self.verdict.outcome}{' as expected' if self.is_expected_to_fail else ''}"

    def fails(self, *, strict: bool) -> bool:
        """Whether the outcome fails the session: not if the test is expected to fail, and did."""
        return not self.is_expected_to_fail and self.verdict.outcome.fails(strict=strict)
