"""The kinds of benchmarks, by the observations that their runs make."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_accel.gate.benchmark_kind import BenchmarkKind, GateContext
from pytest_accel.gate.compiled_program import CompiledProgram
from pytest_accel.gate.convergence import ConvergenceTraining
from pytest_accel.gate.step_timing import StepTiming
from pytest_accel.records import Curve, Observation, ProgramFacts, Steps

KINDS: Mapping[type[Observation], Callable[[GateContext], BenchmarkKind]] = {
    Steps: StepTiming,
    Curve: ConvergenceTraining,
    ProgramFacts: CompiledProgram,
}
