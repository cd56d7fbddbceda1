"""How fast, how warm and how limited GPUs are while a benchmark runs on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_accel.hardware.nvml import NoGpu, visible_gpus, whole_gpu
from pytest_accel.records.noise import GpuState

MIN_UTILIZATION = 50
"""In percent. An idle GPU lowers its clock, which says nothing about a step."""


class GpuWatch:
    """Each ``sample`` looks at the GPUs that a CUDA process would see; without any it does nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, GpuState] = {}

    def sample(self) -> None:
        """Never raises: what a driver does not tell is left out."""
        try:
            with visible_gpus() as (nvml, handles):
                for handle in handles:
                    now = _state(nvml, whole_gpu(nvml, handle))
                    before = self._seen.get(now.uuid)
                    self._seen[now.uuid] = now if before is None else _merged(before, now)
        except NoGpu:
            pass

    def states(self) -> tuple[GpuState, ...]:
        """One for each GPU that was seen."""
        return tuple(self._seen.values())


def _state(nvml: Any, gpu: Any) -> GpuState:
    utilization = _asked(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
    busy = utilization is not None and utilization >= MIN_UTILIZATION
    clock_mhz = _asked(nvml, lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM)) if busy else None
    limit_mw = _asked(nvml, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(gpu))
    return GpuState(
        uuid=nvml.nvmlDeviceGetUUID(gpu),
        power_limit_w=None if limit_mw is None else limit_mw / 1000,
        max_temperature_c=_asked(nvml, lambda: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)),
        min_clock_mhz=clock_mhz,
        max_clock_mhz=clock_mhz,
    )


def _asked(nvml: Any, question: Callable[[], int]) -> int | None:
    try:
        return question()
    except nvml.NVMLError:
        return None


def _merged(before: GpuState, now: GpuState) -> GpuState:
    return GpuState(
        now.uuid,
        before.power_limit_w if now.power_limit_w is None else now.power_limit_w,
        _known(max, before.max_temperature_c, now.max_temperature_c),
        _known(min, before.min_clock_mhz, now.min_clock_mhz),
        _known(max, before.max_clock_mhz, now.max_clock_mhz),
    )


def _known(choose: Callable[..., int], *values: int | None) -> int | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None
