"""What the parts of pytest-accel hand to each other: frozen records, standard library only.

One measurement reads, in order: a ``Plan`` says what is to be timed and a ``Program`` runs it, a
``Steps`` observation says what one fresh process saw, an ``Accepted`` entry of a ``Baseline`` says what
was seen when somebody last looked and agreed, and a ``Verdict`` says what that means.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None


class Outcome(enum.StrEnum):
    """What a benchmark came to, from best to worst; the worst of several metrics is the benchmark's."""

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
    def badness(self) -> int:
        return list(Outcome).index(self)

    def fails(self, *, strict: bool) -> bool:
        """Whether this outcome fails its test: strict fails all that is not a proven pass."""
        if self in (Outcome.NO_BASELINE, Outcome.INCONCLUSIVE):
            return strict
        return self.badness >= Outcome.REGRESSED.badness


class Kind(enum.StrEnum):
    """The kind of an accelerator."""

    CPU = "cpu"
    GPU = "gpu"
    TPU = "tpu"


@dataclass(frozen=True)
class Accelerator:
    """The hardware under the benchmark, as found in this machine.

    ``identity`` names the baseline folder. ``memory_bytes`` is that of one device, and of the whole
    machine for a CPU; None where it cannot be told.
    """

    identity: str
    kind: Kind
    model: str
    devices: int
    topology: str | None = None
    hosts: int = 1
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Price:
    """What an hour of the whole machine costs in USD.

    The rest says of an entry of the price book what was priced, on which terms, where, when (ISO 8601) and
    by whom.
    """

    usd_per_hour: float
    name: str | None = None
    hardware: str | None = None
    terms: str | None = None
    region: str | None = None
    date: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Workload:
    """Everything that defines the work of one step. Two runs compare only if this matches exactly.

    The framework's *name* belongs to it; versions do not: they are what is under test.
    """

    name: str
    framework: str
    examples_per_step: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Scalar]:
        """All that is compared, flat: the name, the framework, the batch and every parameter."""
        return {
            "name": self.name,
            "framework": self.framework,
            "examples_per_step": self.examples_per_step,
            **self.parameters,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the fields as canonical JSON, first 16 hexadecimal digits."""
        text = json.dumps(self.fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Program:
    """A training step that is ready to run in this process.

    ``step`` starts one step and returns a handle; ``wait`` blocks until that handle's work is done on the
    device and returns the loss, or None where the step gives none. ``peak_memory_bytes`` is the most that
    the device (on a CPU: the process) has held, None where it cannot be told.
    """

    step: Callable[[], object]
    wait: Callable[[object], float | None]
    peak_memory_bytes: Callable[[], int | None]


@dataclass(frozen=True)
class Plan:
    """What one measuring call asks for: the work, and how to make it ready in this process."""

    workload: Workload
    build: Callable[[], Program]


@dataclass(frozen=True)
class Conditions:
    """What else went on while a run was measured, and may explain an odd number.

    ``load_average`` is the one-minute load of the machine divided by its cores, taken before the run.
    """

    load_average: float | None = None
    throttle_reasons: tuple[str, ...] = ()
    foreign_processes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Steps:
    """What one run (one fresh process) saw of a training step.

    ``step_times_s[i]`` is the time of block ``i`` divided by its ``steps_per_block`` steps; the device is
    waited for once, at the end of a block. The clocks are kept apart: ``startup_time_s`` from the start of
    the process to the measuring call, ``build_time_s`` to make model and data, ``compile_time_s`` for the
    first step, ``warmup_time_s`` until step times settled. ``peak_memory_bytes`` is that of the device, of
    the process on a CPU. ``losses`` holds one loss a block where the step gives one.
    """

    step_times_s: tuple[float, ...]
    steps_per_block: int
    startup_time_s: float
    build_time_s: float
    compile_time_s: float
    warmup_time_s: float
    warmup_steps: int
    peak_memory_bytes: int | None = None
    losses: tuple[float, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True)
class Run:
    """One run: the work it did, what it saw, and the versions it ran with."""

    workload: Workload
    steps: Steps
    provenance: Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """Two runs of the same work at about the same time: one here, one in the environment compared with.

    ``in_turns`` says that their blocks alternated, so that block ``i`` of one was timed right beside block
    ``i`` of the other. Otherwise one whole process came after the other.
    """

    now: Run
    other: Run
    in_turns: bool


@dataclass(frozen=True)
class Accepted:
    """Observations that somebody accepted: when (ISO 8601, UTC), with which versions, and the runs.

    Entries between the first (the anchor) and the last (in force) keep only their ``summary``; their
    ``runs`` are empty.
    """

    time: str
    provenance: Mapping[str, str]
    summary: Mapping[str, float]
    runs: tuple[Steps, ...]


@dataclass(frozen=True)
class Baseline:
    """All that was ever accepted for one benchmark on one hardware identity, oldest first."""

    benchmark: str
    workload: Workload
    accepted: tuple[Accepted, ...]

    @property
    def anchor(self) -> Accepted:
        return self.accepted[0]

    @property
    def in_force(self) -> Accepted:
        return self.accepted[-1]


@dataclass(frozen=True)
class Comparison:
    """One metric against its baseline. ``change`` and ``interval`` are relative: 0.05 is 5 % more."""

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
class Verdict:
    """What a benchmark came to, why in one sentence, and the comparisons behind it."""

    outcome: Outcome
    reason: str
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class NeedMore:
    """A rule's answer while it cannot decide: another run could settle it, for the reason given."""

    reason: str


@dataclass(frozen=True)
class Result:
    """One benchmark of a session, as the reports show it.

    ``reference_runs`` are those of the other environment, each beside one of ``runs``; empty where a stored
    baseline is compared with. ``metrics`` are the numbers of :func:`pytest_accel.metrics.summary`.
    ``provenance`` is of the run, ``provenance_changes`` lists what differs from the baseline in force or from
    the other environment ("tensorflow 2.20.0 -> 2.21.0"). ``notes`` are further sentences: drift against the
    anchor, packages that only one environment has.
    """

    nodeid: str
    verdict: Verdict
    workload: Workload | None = None
    runs: tuple[Steps, ...] = ()
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    provenance_changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reference_runs: tuple[Steps, ...] = ()
