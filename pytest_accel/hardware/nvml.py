"""NVIDIA's management library, and which GPUs of it a CUDA process would see. No CUDA context is made.

``pynvml`` (the distribution nvidia-ml-py) takes 50 ms to import, so device nodes are looked at first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEV = Path("/dev")
DEVICE_NODES = ("nvidia[0-9]*", "nvidiactl", "dxg")  # dxg: Windows Subsystem for Linux


class NoGpu(Exception):
    """No GPU can be used; the message is the reason."""


@contextmanager
def visible_gpus() -> Iterator[tuple[Any, list[Any]]]:
    """NVML and the handles of the GPUs that a CUDA process would see, at least one; otherwise NoGpu."""
    if sys.platform != "win32" and not any(any(DEV.glob(pattern)) for pattern in DEVICE_NODES):
        raise NoGpu("no /dev/nvidia*")
    try:
        import pynvml as nvml
    except ImportError:
        raise NoGpu("the package nvidia-ml-py is not installed: pip install nvidia-ml-py") from None
    try:
        nvml.nvmlInit()
        try:
            yield nvml, _visible(nvml)
        finally:
            nvml.nvmlShutdown()
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML: {error}") from None


def _visible(nvml: Any) -> list[Any]:
    """Handles in the order of CUDA_VISIBLE_DEVICES, whose indices count as nvidia-smi counts.

    As in CUDA, an entry that names no GPU hides all after it (CUDA C++ Programming Guide, "CUDA
    Environment Variables").
    """
    every = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    if not every:
        raise NoGpu("NVML shows none")
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    if mask is None:
        return _as_cuda_counts(nvml, every)
    handles = []
    for entry in mask.split(","):
        handle = _named(nvml, entry.strip(), every)
        if handle is None:
            break
        handles.append(handle)
    if not handles:
        raise NoGpu(f"CUDA_VISIBLE_DEVICES={mask!r} hides all {len(every)}: unset it or name one")
    return _as_cuda_counts(nvml, handles)


def _named(nvml: Any, entry: str, every: list[Any]) -> Any | None:
    """The GPU of one entry: an index, the start of a UUID, or a MIG device's whole name."""
    if entry.isdecimal():
        return every[int(entry)] if int(entry) < len(every) else None
    if entry.startswith("MIG-"):
        try:
            return nvml.nvmlDeviceGetHandleByUUID(entry)
        except nvml.NVMLError:
            return None
    if entry.startswith("GPU-"):
        matches = [handle for handle in every if nvml.nvmlDeviceGetUUID(handle).startswith(entry)]
        return matches[0] if len(matches) == 1 else None
    return None


def _as_cuda_counts(nvml: Any, handles: list[Any]) -> list[Any]:
    """A CUDA process uses one MIG device alone (MIG User Guide, "CUDA Device Enumeration")."""
    slices = [mig for handle in handles for mig in _mig_devices(nvml, handle)]
    return slices[:1] or handles


def _mig_devices(nvml: Any, handle: Any) -> list[Any]:
    """The MIG devices of a GPU that is in MIG mode; a MIG device is its own only one."""
    if _is_mig_device(nvml, handle):
        return [handle]
    try:
        current_mode, _ = nvml.nvmlDeviceGetMigMode(handle)
        most = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except nvml.NVMLError:  # a GPU that knows no MIG
        return []
    if current_mode != nvml.NVML_DEVICE_MIG_ENABLE:
        return []
    devices = [_mig_device(nvml, handle, index) for index in range(most)]
    return [device for device in devices if device is not None]


def _mig_device(nvml: Any, handle: Any, index: int) -> Any | None:
    try:
        return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
    except nvml.NVMLError:  # nothing was made at this index
        return None


def _is_mig_device(nvml: Any, handle: Any) -> bool:
    try:
        return bool(nvml.nvmlDeviceIsMigDeviceHandle(handle))
    except nvml.NVMLError:  # a driver that knows no MIG
        return False


def whole_gpu(nvml: Any, handle: Any) -> Any:
    """Clocks belong to the whole GPU, also for a MIG device."""
    if _is_mig_device(nvml, handle):
        return nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
    return handle
