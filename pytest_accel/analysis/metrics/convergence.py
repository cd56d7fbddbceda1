"""The numbers of training to a target, from the curves of its seeds. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_accel.records import Curve


def best_top1(curve: Curve) -> float:
    """The highest top-1 after any epoch, as a share."""
    return max(epoch.top1 for epoch in curve.epochs)


def final_top1(curve: Curve) -> float:
    """Top-1 after the last epoch, as a share."""
    return curve.epochs[-1].top1


def epochs_to_target(curve: Curve, target: float) -> int | None:
    """Epochs until top-1 first was at least ``target``; None if it never was."""
    return next((number for number, epoch in enumerate(curve.epochs, 1) if epoch.top1 >= target), None)


def time_to_target_s(curve: Curve, target: float) -> float | None:
    """Seconds of training until then at the pace of the fastest epoch; None if it never got there.

    Evaluation, start-up and compiling do not count. As with blocks of steps, other load on a machine only
    ever adds time, so the fastest epoch is what an unchanged program repeats best.
    """
    epochs = epochs_to_target(curve, target)
    return None if epochs is None else epochs * epoch_time_s(curve)


def epoch_time_s(curve: Curve) -> float:
    """Seconds of training of the fastest epoch."""
    return min(epoch.training_time_s for epoch in curve.epochs)


def summary(curves: Sequence[Curve], target: float) -> dict[str, float]:
    """All metrics of training by name: means over the seeds; ``throughput`` is in examples / s.

    Where a seed never got to the target, the metrics of getting there are left out. Empty without a curve.
    """
    if not curves:
        return {}
    pace_s = statistics.geometric_mean(map(epoch_time_s, curves))
    numbers = {
        "best_top1": statistics.fmean(map(best_top1, curves)),
        "final_top1": statistics.fmean(map(final_top1, curves)),
        "final_top5": statistics.fmean(curve.epochs[-1].top5 for curve in curves),
        "final_loss": statistics.fmean(curve.epochs[-1].loss for curve in curves),
        "throughput": curves[0].train_examples / pace_s,
        "epoch_time_s": pace_s,
        "training_time_s": statistics.fmean(
            sum(epoch.training_time_s for epoch in curve.epochs) for curve in curves
        ),
        "startup_time_s": statistics.median(curve.startup_time_s for curve in curves),
        "build_time_s": statistics.median(curve.build_time_s for curve in curves),
        "compile_time_s": statistics.median(curve.compile_time_s for curve in curves),
        "evaluation_time_s": statistics.median(
            epoch.evaluation_time_s for curve in curves for epoch in curve.epochs
        ),
    }
    epochs = [epochs_to_target(curve, target) for curve in curves]
    times = [time_to_target_s(curve, target) for curve in curves]
    reached = [(count, time_s) for count, time_s in zip(epochs, times, strict=True) if count and time_s]
    if len(reached) == len(curves):
        numbers["epochs_to_target"] = statistics.fmean(count for count, _ in reached)
        numbers["examples_to_target"] = numbers["epochs_to_target"] * curves[0].train_examples
        numbers["time_to_target_s"] = statistics.fmean(time_s for _, time_s in reached)
    return numbers
