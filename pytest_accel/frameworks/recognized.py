"""The frameworks whose arrays a step may return: how each is waited for and asked, one entry of a table each.

None is imported here: only what this process has imported is looked at (``sys.modules``). Nor is one started
that was imported and has not touched its devices yet: it would take memory from the one in use.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from pytest_accel.records import Kind


class Recognized(NamedTuple):
    """What can be asked of an imported framework; every function is called with its module.

    ``is_array`` says whether a value is one of its arrays. ``wait`` blocks until those among the leaves of a
    result are computed, or all of its work where there is none. ``peak_memory_bytes`` is the most memory that
    this process has held on its first device of a kind, None if unknown. ``is_running`` says whether it has
    made its devices ready, None if unknown.
    """

    is_array: Callable[[ModuleType, object], bool]
    wait: Callable[[ModuleType, list[Any]], None]
    peak_memory_bytes: Callable[[ModuleType, Kind], int | None]
    is_running: Callable[[ModuleType], bool | None]


def imported() -> dict[str, ModuleType]:
    """Those of ``RECOGNIZED`` that this process has imported, by name and in that order."""
    modules = ((name, sys.modules.get(name)) for name in RECOGNIZED)
    return {name: module for name, module in modules if module is not None}


def is_running(framework: str) -> bool:
    """Whether an imported framework has made its devices ready: asking one that has not would start it.

    If that is unknown, the only framework imported counts as running.
    """
    modules = imported()
    running = RECOGNIZED[framework].is_running(modules[framework])
    return list(modules) == [framework] if running is None else running


# TensorFlow


def _is_array_of_tensorflow(tf: ModuleType, value: object) -> bool:
    return bool(tf.is_tensor(value)) or isinstance(value, tf.Variable)


def _wait_tensorflow(tf: ModuleType, leaves: list[Any]) -> None:
    tensors = [
        leaf
        for leaf in tf.nest.flatten(leaves, expand_composites=True)
        if tf.is_tensor(leaf) and hasattr(leaf, "numpy")  # a symbolic one, from within a function, has none
    ]
    if not tensors and not is_running("tensorflow"):
        return
    if not tf.executing_eagerly():
        return  # In the way of TensorFlow 1 a session waits by itself.
    _sync_own_devices(tf)
    # That waits for GPUs only. A TPU runs one program after another, so one value tells. What iterators and
    # optionals are made of has none.
    values = [tensor for tensor in tensors if tensor.dtype not in (tf.resource, tf.variant)]
    if values:
        min(values, key=lambda tensor: math.prod(tensor.shape)).numpy()


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


def _peak_tensorflow(tf: ModuleType, kind: Kind) -> int | None:
    if not (tf.config.get_visible_devices(kind.upper()) and is_running("tensorflow")):
        return None  # None is there, or they are left to another framework.
    return int(tf.config.experimental.get_memory_info(f"{kind.upper()}:0")["peak"])


def _tensorflow_is_running(_tf: ModuleType) -> bool | None:
    """None if unknown. There is no public way to ask."""
    try:
        context = sys.modules["tensorflow.python.eager.context"].context_safe()
        return context is not None and bool(context._initialized)
    except (KeyError, AttributeError):
        return None


# JAX


def _is_array_of_jax(jax: ModuleType, value: object) -> bool:
    return isinstance(value, jax.Array)


def _wait_jax(jax: ModuleType, leaves: list[Any]) -> None:
    arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    if not arrays and is_running("jax"):
        # All that is kept anywhere, since a CPU need not finish its work in order. An accelerator does, so
        # there what is asked for now comes after all before it, results included that nobody kept.
        arrays = [*jax.live_arrays(), *(jax.device_put(0.0, device) + 1 for device in jax.local_devices())]
    jax.block_until_ready(arrays)


def _peak_jax(jax: ModuleType, kind: Kind) -> int | None:
    if not is_running("jax"):
        return None
    device = jax.local_devices()[0]
    statistics = device.memory_stats() if device.platform == kind else None
    return statistics.get("peak_bytes_in_use") if statistics else None


def _jax_is_running(_jax: ModuleType) -> bool | None:
    """None if unknown. There is no public way to ask."""
    try:
        return bool(sys.modules["jax._src.xla_bridge"].backends_are_initialized())
    except (KeyError, AttributeError):
        return None


# PyTorch


def _is_array_of_torch(torch: ModuleType, value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _wait_torch(torch: ModuleType, leaves: list[Any]) -> None:
    """Wait for every device that the process uses: a step may return nothing of what it started there."""
    if not _torch_is_running(torch):
        return
    tensors = [leaf for leaf in leaves if _is_array_of_torch(torch, leaf)]
    returned = {tensor.device.index for tensor in tensors if tensor.is_cuda}
    for device in range(torch.cuda.device_count()):
        in_use = device in returned or device == torch.cuda.current_device()
        if in_use or torch.cuda.memory_allocated(device):
            torch.cuda.synchronize(device)


def _peak_torch(torch: ModuleType, kind: Kind) -> int | None:
    usable = kind is Kind.GPU and _torch_is_running(torch)
    return int(torch.cuda.max_memory_allocated()) if usable else None


def _torch_is_running(torch: ModuleType) -> bool:
    return bool(torch.cuda.is_available() and torch.cuda.is_initialized())


RECOGNIZED: Mapping[str, Recognized] = {
    "tensorflow": Recognized(
        _is_array_of_tensorflow, _wait_tensorflow, _peak_tensorflow, _tensorflow_is_running
    ),
    "jax": Recognized(_is_array_of_jax, _wait_jax, _peak_jax, _jax_is_running),
    "torch": Recognized(_is_array_of_torch, _wait_torch, _peak_torch, _torch_is_running),
}
"""By the name of the module. Where the arrays of a step do not tell, the first that is imported counts."""
