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
        self._busy_clocks_mhz: dict[str, list[int]] = {}

    def sample(self) -> None:
        """Never raises: what a driver does not tell is left out."""
        try:
            with visible_gpus() as (nvml, handles):
                for handle in handles:
                    self._add(nvml, whole_gpu(nvml, handle))
        except NoGpu:
            pass

    def _add(self, nvml: Any, gpu: Any) -> None:
        uuid = nvml.nvmlDeviceGetUUID(gpu)
        before = self._seen.get(uuid, GpuState(uuid))
        clock_mhz = self._clock_within_busy_time(nvml, gpu, uuid)
        limit_mw = _asked(nvml, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(gpu))
        celsius = _asked(nvml, lambda: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU))
        self._seen[uuid] = GpuState(
            uuid,
            before.power_limit_w if limit_mw is None else limit_mw / 1000,
            _known(max, before.max_temperature_c, celsius),
            _known(min, before.min_clock_mhz, clock_mhz),
            _known(max, before.max_clock_mhz, clock_mhz),
        )

    def _clock_within_busy_time(self, nvml: Any, gpu: Any, uuid: str) -> int | None:
        """The clock one sample ago, if the GPU was busy before and after: at either end it is ramping."""
        utilization = _asked(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
        clock_mhz = _asked(nvml, lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM))
        clocks_mhz = self._busy_clocks_mhz.setdefault(uuid, [])
        if utilization is None or utilization < MIN_UTILIZATION or clock_mhz is None:
            clocks_mhz.clear()
            return None
        clocks_mhz.append(clock_mhz)
        return clocks_mhz[-2] if len(clocks_mhz) >= 3 else None

    def states(self) -> tuple[GpuState, ...]:
        """One for each GPU that was seen."""
        return tuple(self._seen.values())


def _asked(nvml: Any, question: Callable[[], int]) -> int | None:
    try:
        return question()
    except nvml.NVMLError:
        return None


def _known(choose: Callable[..., int], *values: int | None) -> int | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None
