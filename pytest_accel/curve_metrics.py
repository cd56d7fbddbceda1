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
    """Seconds of training until then; evaluation, start-up and compiling do not count."""
    epochs = epochs_to_target(curve, target)
    return None if epochs is None else sum(epoch.training_time_s for epoch in curve.epochs[:epochs])


def summary(curves: Sequence[Curve], target: float) -> dict[str, float]:
    """All metrics of training by name: means over the seeds, and the rate of examples / s.

    Where a seed never got to the target, the metrics of getting there are left out. Empty without a curve.
    """
    if not curves:
        return {}
    training_time_s = sum(epoch.training_time_s for curve in curves for epoch in curve.epochs)
    examples = sum(curve.train_examples * len(curve.epochs) for curve in curves)
    numbers = {
        "best_top1": statistics.fmean(map(best_top1, curves)),
        "final_top1": statistics.fmean(map(final_top1, curves)),
        "final_top5": statistics.fmean(curve.epochs[-1].top5 for curve in curves),
        "final_loss": statistics.fmean(curve.epochs[-1].loss for curve in curves),
        "throughput": examples / training_time_s,
        "epoch_time_s": training_time_s / sum(len(curve.epochs) for curve in curves),
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
