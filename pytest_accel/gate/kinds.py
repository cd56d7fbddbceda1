"""The kinds of benchmarks, by the observations that their runs make."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_accel.api.settings import Settings
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.gate.benchmark_kind import BenchmarkKind
from pytest_accel.gate.compiled_program import CompiledProgram
from pytest_accel.gate.convergence import ConvergenceTraining
from pytest_accel.gate.step_timing import StepTiming
from pytest_accel.records import Accelerator, Curve, Observation, ProgramFacts, Steps

KINDS: Mapping[type[Observation], Callable[[Accelerator, Settings, BaselineStore, int], BenchmarkKind]] = {
    Steps: lambda accelerator, settings, store, benchmarks: StepTiming(
        accelerator.kind, settings, store.baselines(), benchmarks
    ),
    Curve: lambda accelerator, settings, *_: ConvergenceTraining(accelerator.kind, settings),
    ProgramFacts: lambda accelerator, *_: CompiledProgram(accelerator),
}
"""Each is made for an accelerator, settings, a store, and a session with this many benchmarks."""
