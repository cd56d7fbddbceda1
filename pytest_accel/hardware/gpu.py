"""The NVIDIA GPUs of this machine and what disturbs them: no framework, no CUDA context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from pytest_accel.hardware.identity import slug
from pytest_accel.hardware.nvml import NoGpu, visible_gpus, whole_gpu
from pytest_accel.records import Accelerator, Conditions, Kind
from pytest_accel.records.user_error import UserError

# Bits of nvmlClocksEventReasons in nvml.h that mean "slower than it could be". Left out because they are
# normal: idle (0x1), application clocks (0x2), sync boost (0x10), display clocks (0x100), and the limits of
# boosting itself (0x200, 0x400).
THROTTLE_REASONS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal",
    0x40: "hardware thermal",
    0x80: "power brake",
}

# The name since driver 535, and the one before.
_READ_REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")


def present() -> bool:
    """Whether NVML shows a GPU that CUDA_VISIBLE_DEVICES does not hide."""
    try:
        with visible_gpus():
            return True
    except NoGpu:
        return False


def accelerator(devices: int | None = None) -> Accelerator:
    """Return the visible GPUs of this machine, or the first ``devices`` of them. Raises NoGpu without any.

    Of mixed models all are named, and the memory is that of the smallest. Raises UserError for more GPUs
    than there are.
    """
    with visible_gpus() as (nvml, handles):
        if devices is not None and devices > len(handles):
            raise UserError(f"there are {len(handles)} GPUs to be used here, so give at most that many")
        handles = handles[:devices]
        names = Counter(nvml.nvmlDeviceGetName(handle) for handle in handles)
        memories = [_memory_bytes(nvml, handle) for handle in handles]
    counted = [f"{count}x {name}" for name, count in sorted(names.items())]
    known = [memory for memory in memories if memory is not None]
    return Accelerator(
        # Older drivers leave the maker's name out; a driver update must not change the identity.
        identity=slug("gpu " + " ".join(counted).replace("NVIDIA ", "")),
        kind=Kind.GPU,
        model=next(iter(names)) if len(names) == 1 else " + ".join(counted),
        devices=len(handles),
        memory_bytes=min(known, default=None),
    )


def conditions(own_pids: Collection[int]) -> Conditions:
    """What slows the visible GPUs now: throttling, and compute processes that are not ``own_pids``."""
    reasons: list[str] = []
    processes: list[str] = []
    try:
        with visible_gpus() as (nvml, handles):
            for handle in handles:
                reasons += _throttle_reasons(nvml, handle)
                processes += _foreign_processes(nvml, handle, own_pids)
    except NoGpu:
        pass
    return Conditions(
        throttle_reasons=tuple(dict.fromkeys(reasons)), foreign_processes=tuple(dict.fromkeys(processes))
    )


def _memory_bytes(nvml: Any, handle: Any) -> int | None:
    try:
        return int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    except nvml.NVMLError:  # memory shared with the CPU
        return None


def _throttle_reasons(nvml: Any, handle: Any) -> list[str]:
    for name in _READ_REASONS:
        try:
            bits = getattr(nvml, name)(whole_gpu(nvml, handle))
        except (nvml.NVMLError, AttributeError):
            continue
        return [reason for bit, reason in THROTTLE_REASONS.items() if bits & bit]
    return []


def _foreign_processes(nvml: Any, handle: Any, own_pids: Collection[int]) -> list[str]:
    try:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return []
    named = [_process(nvml, process.pid) for process in running if process.pid not in own_pids]
    return [name for name in named if name is not None]


def _process(nvml: Any, pid: int) -> str | None:
    """ "pid 1234 (python3)"; None if it cannot be named.

    In a container many drivers give numbers of the host, our own processes' too. Those have no name here,
    and must not be called foreign.
    """
    try:
        command = nvml.nvmlSystemGetProcessName(pid)
    except (nvml.NVMLError, UnicodeDecodeError):
        return None
    return f"pid {pid} ({PurePath(command.split(maxsplit=1)[0]).name})" if command.strip() else None
