"""What the parts of pytest-accel hand to each other: frozen records, standard library only.

One measurement reads, in order: a ``Plan`` says what is to be timed and a ``Program`` runs it, a
``Steps`` observation says what one fresh process saw, an ``AcceptedEntry`` entry of a ``Baseline`` says what
was seen when somebody last looked and agreed, and a ``Verdict`` says what that means.
"""

from __future__ import annotations

from pytest_accel.records.baselines import AcceptedEntry, Baseline
from pytest_accel.records.benchmarks import Benchmark
from pytest_accel.records.hardware import Accelerator, Kind, Price
from pytest_accel.records.hosts import Hosts
from pytest_accel.records.observations import (
    Conditions,
    Curve,
    Epoch,
    LoopBody,
    Observation,
    Operations,
    Pair,
    ProgramFacts,
    Run,
    Steps,
)
from pytest_accel.records.plans import Lowered, Plan, Program, Training, TrainingPlan
from pytest_accel.records.verdicts import (
    Comparison,
    NeedMore,
    NextCommand,
    NextStep,
    Outcome,
    Result,
    Verdict,
)
from pytest_accel.records.workload import DataSource, Scalar, Workload

__all__ = [
    "Accelerator",
    "AcceptedEntry",
    "Baseline",
    "Benchmark",
    "Comparison",
    "Conditions",
    "Curve",
    "DataSource",
    "Epoch",
    "Hosts",
    "Kind",
    "LoopBody",
    "Lowered",
    "NeedMore",
    "NextCommand",
    "NextStep",
    "Observation",
    "Operations",
    "Outcome",
    "Pair",
    "Plan",
    "Price",
    "Program",
    "ProgramFacts",
    "Result",
    "Run",
    "Scalar",
    "Steps",
    "Training",
    "TrainingPlan",
    "Verdict",
    "Workload",
]
