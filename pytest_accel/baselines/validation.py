"""What the numbers of one run may be in a baseline file: all that the rules later divide by or compare. Pure.

Each check raises CodecError that begins with the path of the field.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from pytest_accel.analysis.metrics.convergence import best_top1, epochs_to_target, final_top1
from pytest_accel.records import (
    Conditions,
    Curve,
    Epoch,
    Observation,
    Operations,
    ProgramFacts,
    Steps,
    Workload,
)
from pytest_accel.records.json_codec import CodecError

SHARES = ("top1", "top5")

MIN_STEP_TIME_S = 1e-12
"""A thousandth of what the clock resolves."""

MAX_SECONDS = 1e9
"""Thirty years: no clock that was read went on for longer."""


def check_run(run: Observation, workload: Workload, path: str) -> None:
    """Of any kind; the workload says whether it trains to a target."""
    trains = "target" in workload.parameters
    if trains != (run.KIND == Curve.KIND):
        raise CodecError(path, f"{'epochs' if trains else 'step times'} belong here")
    _CHECKS[type(run)](run, workload, path)


def _check_steps(run: Steps, _: Workload, path: str) -> None:
    """Of a run that timed steps."""
    if not run.step_times_s:
        raise CodecError(f"{path}.step_times_s", "empty")
    for index, time_s in enumerate(run.step_times_s):
        check_positive(time_s, f"{path}.step_times_s[{index}]")
        if time_s < MIN_STEP_TIME_S:
            raise CodecError(f"{path}.step_times_s[{index}]", f"{time_s:g} s is shorter than any step")
        _check_time(time_s, f"{path}.step_times_s[{index}]")
    check_positive(run.steps_per_block, f"{path}.steps_per_block")
    check_not_negative(run.warmup_steps, f"{path}.warmup_steps")
    for name in ("startup_time_s", "build_time_s", "compile_time_s", "warmup_time_s"):
        _check_time(getattr(run, name), f"{path}.{name}")
    if run.peak_memory_bytes is not None:
        check_positive(run.peak_memory_bytes, f"{path}.peak_memory_bytes")
    for index, loss in enumerate(run.losses):
        check_finite(loss, f"{path}.losses[{index}]")
    _check_others_share(run.others_share, len(run.step_times_s), "block", path)
    _check_conditions(run.conditions, f"{path}.conditions")


def _check_curve(run: Curve, workload: Workload, path: str) -> None:
    """Of a run that trained to the target of ``workload``, for as many epochs as that has."""
    asked, target = workload.parameters.get("epochs"), workload.parameters["target"]
    if type(asked) is not int or not isinstance(target, float):
        raise CodecError("workload.parameters", "no numbers of epochs and target, which training has")
    if len(run.epochs) != asked:
        raise CodecError(
            f"{path}.epochs", f"{len(run.epochs)} epochs, and workload.parameters.epochs is {asked}"
        )
    for name in ("seed", "epochs_before"):
        check_not_negative(getattr(run, name), f"{path}.{name}")
    for name in ("train_examples", "evaluation_examples"):
        check_positive(getattr(run, name), f"{path}.{name}")
    for name in ("startup_time_s", "build_time_s", "compile_time_s"):
        _check_time(getattr(run, name), f"{path}.{name}")
    for index, epoch in enumerate(run.epochs):
        _check_epoch(epoch, f"{path}.epochs[{index}]")
    if epochs_to_target(run, target) is None:
        raise CodecError(f"{path}.epochs", f"top1 is at most {best_top1(run)}, below the target of {target}")
    if final_top1(run) == 0:
        raise CodecError(f"{path}.epochs[{asked - 1}].top1", "0 after the last epoch")
    if run.frozen_variables:
        raise CodecError(f"{path}.frozen_variables", "a baseline has none")
    _check_others_share(run.others_share, asked - run.epochs_before, "epoch of this process", path)
    _check_conditions(run.conditions, f"{path}.conditions")


def _check_others_share(shares: Sequence[float], parts: int, part: str, path: str) -> None:
    if len(shares) not in (0, parts):
        raise CodecError(f"{path}.others_share", f"not one number per {part}")
    for index, share in enumerate(shares):
        check_not_negative(share, f"{path}.others_share[{index}]")


def _check_program(run: ProgramFacts, _: Workload, path: str) -> None:
    """Of a run that compiled only."""
    for name in ("devices", "flops", "bytes_accessed", "peak_memory_bytes", "generated_code_bytes"):
        check_positive(getattr(run, name), f"{path}.{name}")
    for name in ("estimated_step_time_s", "modelled_step_time_s"):
        step_time_s = getattr(run, name)
        if step_time_s is not None:
            check_positive(step_time_s, f"{path}.{name}")
    for name in ("startup_time_s", "build_time_s", "compile_time_s"):
        _check_time(getattr(run, name), f"{path}.{name}")
    for name in ("argument_bytes", "result_bytes", "aliased_bytes", "temporary_bytes"):
        check_not_negative(getattr(run, name), f"{path}.{name}")
    for kind, operations in run.operations.items():
        _check_operations(operations, f"{path}.operations.{kind}")
    for index, count in enumerate(run.loops):
        if count is not None:
            check_not_negative(count, f"{path}.loops[{index}]")
    for index, body in enumerate(run.loop_bodies):
        check_not_negative(body.flops, f"{path}.loop_bodies[{index}].flops")
        check_not_negative(body.time_s, f"{path}.loop_bodies[{index}].time_s")


def _check_operations(operations: Operations, path: str) -> None:
    for name in ("count", "bytes", "flops", "hbm_bytes", "padding_bytes", "exchanged_bytes", "time_s"):
        check_not_negative(getattr(operations, name), f"{path}.{name}")
    for line, time_s in operations.times_s_by_line.items():
        check_not_negative(time_s, f"{path}.times_s_by_line.{line}")


def _check_epoch(epoch: Epoch, path: str) -> None:
    check_finite(epoch.loss, f"{path}.loss")
    check_positive(epoch.training_time_s, f"{path}.training_time_s")
    _check_time(epoch.training_time_s, f"{path}.training_time_s")
    _check_time(epoch.evaluation_time_s, f"{path}.evaluation_time_s")
    for name in SHARES:
        share = getattr(epoch, name)
        check_not_negative(share, f"{path}.{name}")
        if share > 1:
            raise CodecError(f"{path}.{name}", f"{share} is above 1")
    if epoch.top5 < epoch.top1:
        raise CodecError(f"{path}.top5", f"{epoch.top5} is below top1, {epoch.top1}")


def _check_conditions(conditions: Conditions, path: str) -> None:
    if conditions.load_average is not None:
        check_not_negative(conditions.load_average, f"{path}.load_average")


_CHECKS: Mapping[type[Observation], Callable[..., None]] = {
    Steps: _check_steps,
    Curve: _check_curve,
    ProgramFacts: _check_program,
}


def check_positive(value: float, path: str) -> None:
    """A finite number above 0."""
    check_finite(value, path)
    if value <= 0:
        raise CodecError(path, f"{value} is not above 0")


def check_not_negative(value: float, path: str) -> None:
    """A finite number from 0."""
    check_finite(value, path)
    if value < 0:
        raise CodecError(path, f"{value} is below 0")


def check_finite(value: float, path: str) -> None:
    """A finite number."""
    if not abs(value) <= sys.float_info.max:  # also for an integer that no float can hold
        raise CodecError(path, f"{str(value)[:40]} is not a finite number")


def _check_time(seconds: float, path: str) -> None:
    check_not_negative(seconds, path)
    if seconds > MAX_SECONDS:
        raise CodecError(path, f"{seconds:g} s is longer than any run")
