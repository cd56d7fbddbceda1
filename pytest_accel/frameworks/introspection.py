"""Values of any framework: wait until they are computed, find the loss in them, ask for the memory used.

Only frameworks that this process has imported are looked at (``sys.modules``); none is imported here. Nor is
one started that was imported and has not touched its devices yet: it would take memory from the one in use.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import numbers
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_accel.records import Kind

FRAMEWORKS = ("tensorflow", "jax", "torch")

NO_FRAMEWORK = "python"
"""What a step is made with that shows no sign of a framework."""


def framework_of(value: object) -> str:
    """What a step that works on ``value`` is made with: the framework of the first array in it.

    Without one, the first of ``FRAMEWORKS`` that this process has imported, else ``NO_FRAMEWORK``.
    """
    return framework_of_result(value) or next(iter(_imported()), NO_FRAMEWORK)


def framework_of_result(value: object) -> str | None:
    """The framework of the first array in what a step returned, None if it has no array of a framework."""
    imported = _imported()
    for leaf in leaves(value):
        for name in imported:
            if _is_array_of(name, leaf):
                return name
    return None


def wait_for(value: object) -> float | None:
    """Block until ``value`` is there, as :func:`block_until_ready` does; give the loss that is in it.

    None if there is none. See :func:`loss_in` for what counts as the loss.
    """
    block_until_ready(value)
    return loss_in(value)


def block_until_ready(value: object) -> None:
    """Block until all of ``value`` is computed on its device.

    ``value`` is what a step returned: arrays, tensors, variables and numbers, in any nest of mappings, lists,
    tuples, dataclasses and pytrees of JAX. Of a framework that has no array in there, all work that this
    process has begun is waited for.
    """
    found = list(leaves(value))
    for name, wait in (("tensorflow", _wait_tensorflow), ("jax", _wait_jax), ("torch", _wait_torch)):
        module = sys.modules.get(name)
        if module is not None:
            wait(module, found)


def loss_in(value: object) -> float | None:
    """The loss: a scalar, what is called "loss", or the first scalar of a list or tuple, outer ones first.

    Booleans and strings are not losses, nor is a scalar that a mapping, dataclass or named tuple calls
    something else. In a named tuple without a loss it is looked for in its "aux", then in its other parts.
    """
    return _loss(value, frozenset())


def _loss(value: Any, within: frozenset[int]) -> float | None:
    """``within`` has the ids of what ``value`` is part of: an object may contain itself."""
    if id(value) in within:
        return None
    within |= {id(value)}
    if isinstance(value, Mapping):
        return _loss(value["loss"], within) if "loss" in value else None
    if _is_record(value):
        return _loss(getattr(value, "loss", None), within)
    if not isinstance(value, list | tuple):
        return _number(value)
    if hasattr(value, "loss"):  # a named tuple
        return _loss(value.loss, within)
    candidates: Iterable[float | None] = map(_number, value)
    if hasattr(value, "_fields"):
        candidates = [_loss(getattr(value, "aux", None), within)]
        value = [part for part in value if _number(part) is None]
    nested = (_loss(part, within) for part in value)
    return next((loss for loss in itertools.chain(candidates, nested) if loss is not None), None)


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


def leaves(value: object, within: frozenset[int] = frozenset()) -> Iterator[Any]:
    """What is in a nest of mappings, lists, tuples, dataclasses and pytrees of JAX.

    ``within`` has the ids of what ``value`` is part of: what contains itself is entered once.
    """
    parts = _parts(value)
    if parts is None:
        yield value
    elif id(value) not in within:
        for part in parts:
            yield from leaves(part, within | {id(value)})


def _parts(value: Any) -> Iterable[Any] | None:
    """What is directly in ``value``, None for a leaf."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return value
    if _is_record(value):
        names = (field.name for field in dataclasses.fields(value))
        return [getattr(value, name) for name in names if hasattr(value, name)]  # it may not be set yet
    if _is_distributed(value):
        return list(value.values)
    return _children(value)


def _children(value: object) -> list[Any] | None:
    """What is directly in an object of a class that is registered with JAX as a pytree, None for others."""
    tree_util = getattr(sys.modules.get("jax"), "tree_util", None)
    if tree_util is None or value is None:
        return None
    outermost = iter((False,))  # all below it is taken as a leaf: it may contain itself
    try:
        children: list[Any] = tree_util.tree_leaves(value, is_leaf=lambda _: next(outermost, True))
    except Exception:  # how a class takes itself apart is its own affair, and may fail in any way
        return None
    return None if len(children) == 1 and children[0] is value else children


def _imported() -> list[str]:
    return [name for name in FRAMEWORKS if sys.modules.get(name)]


def _is_running(framework: str) -> bool:
    """Whether it has made its devices ready: one that is only imported is not to be started by asking it.

    If that is unknown, the only framework imported counts as running.
    """
    running = {"tensorflow": _tensorflow_is_running, "jax": _jax_is_running}[framework]()
    return _imported() == [framework] if running is None else running


def _tensorflow_is_running() -> bool | None:
    """None if unknown. There is no public way to ask."""
    try:
        context = sys.modules["tensorflow.python.eager.context"].context_safe()
        return context is not None and bool(context._initialized)
    except (KeyError, AttributeError):
        return None


def _jax_is_running() -> bool | None:
    """None if unknown. There is no public way to ask."""
    try:
        return bool(sys.modules["jax._src.xla_bridge"].backends_are_initialized())
    except (KeyError, AttributeError):
        return None


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
    """A scalar number of any framework, None for all else, and for one that no float can hold."""
    if isinstance(value, bool):
        return None
    dtype = str(getattr(value, "dtype", ""))
    try:
        real = isinstance(value, numbers.Real) or (
            any(word in dtype for word in ("float", "int")) and tuple(value.shape) == ()
        )
        return float(value) if real else None
    except (AttributeError, OverflowError, TypeError, ValueError):  # its shape is none, or not known
        return None


def _wait_tensorflow(tf: ModuleType, found: list[Any]) -> None:
    tensors = [
        leaf
        for leaf in tf.nest.flatten(found, expand_composites=True)
        if tf.is_tensor(leaf) and hasattr(leaf, "numpy")  # a symbolic one, from within a function, has none
    ]
    if not tensors and not _is_running("tensorflow"):
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


def _wait_jax(jax: ModuleType, found: list[Any]) -> None:
    arrays = [leaf for leaf in found if isinstance(leaf, jax.Array)]
    if not arrays and _is_running("jax"):
        # All that is kept anywhere, since a CPU need not finish its work in order. An accelerator does, so
        # there what is asked for now comes after all before it, results included that nobody kept.
        arrays = [*jax.live_arrays(), *(jax.device_put(0.0, device) + 1 for device in jax.local_devices())]
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
    if not (tf.config.get_visible_devices(kind.upper()) and _is_running("tensorflow")):
        return None  # None is there, or they are left to another framework.
    return int(tf.config.experimental.get_memory_info(f"{kind.upper()}:0")["peak"])


def _peak_jax(jax: ModuleType, kind: Kind) -> int | None:
    if not _is_running("jax"):
        return None
    device = jax.local_devices()[0]
    statistics = device.memory_stats() if device.platform == kind else None
    return statistics.get("peak_bytes_in_use") if statistics else None


def _peak_torch(torch: ModuleType, kind: Kind) -> int | None:
    usable = kind is Kind.GPU and torch.cuda.is_available() and torch.cuda.is_initialized()
    return int(torch.cuda.max_memory_allocated()) if usable else None
