"""Values of any framework: wait until they are computed, find the loss in them, ask for the memory used.

Only frameworks that this process has imported are looked at (``sys.modules``); none is imported here.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_accel.records import Kind

FRAMEWORKS = ("tensorflow", "jax", "torch")


def framework_of(value: object) -> str:
    """What a step that works on ``value`` is made with: the framework of the first array in it.

    Without one, the first of ``FRAMEWORKS`` that this process has imported, else "python".
    """
    imported = [name for name in FRAMEWORKS if sys.modules.get(name)]
    for leaf in leaves(value):
        for name in imported:
            if _is_array_of(name, leaf):
                return name
    return imported[0] if imported else "python"


def wait_for(value: object) -> float | None:
    """Block until all of ``value`` is computed on its device; give the loss in it, None if there is none.

    ``value`` is what a step returned: arrays, tensors, variables and numbers, in any nest of mappings, lists,
    tuples and dataclasses. See :func:`loss_in` for what counts as the loss.
    """
    found = list(leaves(value))
    for name, wait in (("tensorflow", _wait_tensorflow), ("jax", _wait_jax), ("torch", _wait_torch)):
        module = sys.modules.get(name)
        if module is not None:
            wait(module, found)
    return loss_in(value)


def loss_in(value: object) -> float | None:
    """The loss: a scalar, what is called "loss", or the first scalar of a list or tuple, outer ones first.

    Booleans and strings are no losses, nor is a scalar that a mapping or dataclass calls something else.
    """
    if isinstance(value, Mapping):
        return loss_in(value["loss"]) if "loss" in value else None
    if _is_record(value):
        return loss_in(getattr(value, "loss", None))
    if not isinstance(value, list | tuple):
        return _number(value)
    if hasattr(value, "loss"):  # a named tuple
        return loss_in(value.loss)
    losses = [_number(item) for item in value] + [loss_in(item) for item in value]
    return next((loss for loss in losses if loss is not None), None)


def peak_memory_bytes(kind: Kind) -> int | None:
    """The most memory that this process has held: of the first accelerator, or of the machine for a CPU.

    None where no framework can tell.
    """
    if kind is Kind.CPU:
        return _peak_resident_bytes()
    peaks = []
    for name, peak in (("tensorflow", _peak_tensorflow), ("jax", _peak_jax), ("torch", _peak_torch)):
        module = sys.modules.get(name)
        if module is not None:
            peaks.append(peak(module, kind))
    return max((peak for peak in peaks if peak), default=None)


def leaves(value: Any) -> Iterator[Any]:
    """What is in a nest of mappings, lists, tuples and dataclasses."""
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif _is_record(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif _is_distributed(value):
        parts = list(value.values)
    else:
        yield value
        return
    for part in parts:
        yield from leaves(part)


def _is_array_of(framework: str, leaf: object) -> bool:
    module = sys.modules[framework]
    if framework == "tensorflow":
        return bool(module.is_tensor(leaf)) or isinstance(leaf, module.Variable)
    return isinstance(leaf, module.Array if framework == "jax" else module.Tensor)


def _is_record(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_distributed(value: object) -> bool:
    """Whether this is TensorFlow's tuple of one value a replica."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.distribute.DistributedValues)


def _number(value: Any) -> float | None:
    """A scalar number of any framework, None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Real):
        return float(value)
    real = any(word in str(getattr(value, "dtype", "")) for word in ("float", "int"))
    return float(value) if real and tuple(value.shape) == () else None


def _wait_tensorflow(tf: ModuleType, found: list[Any]) -> None:
    tensors = [leaf for leaf in tf.nest.flatten(found, expand_composites=True) if tf.is_tensor(leaf)]
    if not tensors and (sys.modules.get("jax") or sys.modules.get("torch")):
        return  # Asking TensorFlow would start it, and it would take memory from the framework in use.
    _sync_own_devices(tf)
    if tensors:  # That waits for GPUs only. A TPU runs one program after another, so one value tells.
        min(tensors, key=lambda tensor: math.prod(tensor.shape)).numpy()


def _sync_own_devices(tf: ModuleType) -> None:
    """Of several workers only the devices of this one: TensorFlow's own function asks all, and fails."""
    own = tf.constant(0).device.rpartition("/device:")[0]
    job = own.partition("/task:")[0]
    names = [device.name for device in tf.config.list_logical_devices()]
    if all(name.startswith(own) or not name.startswith(job) for name in names):
        tf.test.experimental.sync_devices()
        return
    for name in names:
        if name.startswith(own):
            with tf.device(name):
                tf.raw_ops.SyncDevice()


def _wait_jax(jax: ModuleType, found: list[Any]) -> None:
    arrays = [leaf for leaf in found if isinstance(leaf, jax.Array)]
    if not arrays:
        if sys.modules.get("tensorflow") or sys.modules.get("torch"):
            return  # Asking JAX would start it, and it would take memory from the framework in use.
        # A device finishes its work in order, so what is asked for now comes after all before it.
        arrays = [jax.device_put(0.0, device) + 1 for device in jax.local_devices()]
    jax.block_until_ready(arrays)


def _wait_torch(torch: ModuleType, found: list[Any]) -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _peak_resident_bytes() -> int:
    """Of the process, since it started to run its program.

    ``getrusage`` would do, but on Linux it begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if peak:
            return int(peak[1]) * 1024
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_rss if sys.platform == "darwin" else peak_rss * 1024


def _peak_tensorflow(tf: ModuleType, kind: Kind) -> int | None:
    if not tf.config.get_visible_devices(kind.upper()):  # none there, or left to another framework
        return None
    return int(tf.config.experimental.get_memory_info(f"{kind.upper()}:0")["peak"])


def _peak_jax(jax: ModuleType, kind: Kind) -> int | None:
    device = jax.local_devices()[0]
    statistics = device.memory_stats() if device.platform == kind else None
    return statistics.get("peak_bytes_in_use") if statistics else None


def _peak_torch(torch: ModuleType, kind: Kind) -> int | None:
    usable = kind is Kind.GPU and torch.cuda.is_available() and torch.cuda.is_initialized()
    return int(torch.cuda.max_memory_allocated()) if usable else None
