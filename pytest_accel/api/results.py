"""What the measuring calls return: the numbers of one run, for the test's own assertions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.analysis.metrics import convergence
from pytest_accel.analysis.metrics import steps as metrics_steps
from pytest_accel.records import Curve, Steps, Workload


@dataclass(frozen=True)
class StepResult:
    """What a measuring call returns: the numbers of this run, for the test's own assertions.

    ``throughput`` is in examples / s, ``loss`` that of the last step where there is one.
    """

    throughput: float
    step_time_s: float
    loss: float | None
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, workload: Workload, steps: Steps) -> StepResult:
        """The numbers of one run of this workload."""
        numbers = metrics_steps.summary(workload, [steps])
        return cls(numbers["throughput"], numbers["step_time_s"], numbers.get("final_loss"), numbers)


@dataclass(frozen=True)
class ConvergenceResult:
    """What a convergence call returns: the numbers of this seed, for the test's own assertions.

    ``epochs_to_target`` is None where the target was not reached.
    """

    best_top1: float
    final_top1: float
    epochs_to_target: int | None
    curve: Curve
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, curve: Curve, target: float) -> ConvergenceResult:
        """The numbers of one curve."""
        return cls(
            convergence.best_top1(curve),
            convergence.final_top1(curve),
            convergence.epochs_to_target(curve, target),
            curve,
            convergence.summary([curve], target),
        )
