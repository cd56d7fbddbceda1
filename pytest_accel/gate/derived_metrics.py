"""What a result has beside its measurements: how devices scale, and what it costs."""

from __future__ import annotations

import contextlib
import dataclasses

from pytest_accel.analysis.formatting import quantity
from pytest_accel.analysis.metrics import cost, scaling
from pytest_accel.baselines.errors import BrokenBaseline, StoreError
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.records import Benchmark, Price, Result


def scaled(result: Result, benchmark: Benchmark, devices: int, single_device: BaselineStore | None) -> Result:
    """The result with the throughput of each of ``devices``, and how well they scale.

    ``single_device`` has what one such device was accepted with; None if there is no single-device baseline.
    """
    throughput = result.metrics.get("throughput")
    if throughput is None or result.workload is None:
        return result
    measured = None
    if single_device is not None:
        with contextlib.suppress(BrokenBaseline, StoreError):
            baseline = single_device.load(benchmark, result.workload.framework)
            if baseline is not None and baseline.fits(benchmark):
                measured = scaling.scaling(result.workload, throughput, devices, baseline)
    notes = result.notes
    if measured is not None:
        rate = quantity("throughput", measured.throughput_alone)
        notes = (*notes, f"{measured.kind} scaling: {measured.efficiency:.0%} of {devices} times {rate}")
    numbers = {**result.metrics, **scaling.metrics(throughput, devices, measured)}
    return dataclasses.replace(result, metrics=numbers, notes=notes)


def priced(result: Result, price: Price) -> Result:
    """The result with what it costs at this price."""
    compared = result.verdict.comparisons
    costs = [cost.compared_by_cost(comparison, price) for comparison in compared]
    comparisons = (*compared, *(comparison for comparison in costs if comparison is not None))
    verdict = dataclasses.replace(result.verdict, comparisons=comparisons)
    return dataclasses.replace(result, verdict=verdict, metrics=cost.with_cost(result.metrics, price))
