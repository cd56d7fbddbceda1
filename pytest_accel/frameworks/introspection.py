"""Values of any framework: wait until they are computed, find the loss in them, ask for the memory used.

What is particular to one framework is in ``recognized``.
"""

from __future__ import annotations

import dataclasses
import itertools
import numbers
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_accel.frameworks import recognized
from pytest_accel.frameworks.recognized import RECOGNIZED
from pytest_accel.hardware.process_memory import peak_resident_bytes
from pytest_accel.records import Kind

NO_FRAMEWORK = "python"
"""What a step is made with that shows no sign of a framework."""


def framework_of(value: object) -> str:
    """What a step that works on ``value`` is made with: the framework of the first array in it.

    Without one, the first of ``RECOGNIZED`` that this process has imported, else ``NO_FRAMEWORK``.
    """
    return framework_of_result(value) or next(iter(recognized.imported()), NO_FRAMEWORK)


def framework_of_result(value: object) -> str | None:
    """The framework of the first array in what a step returned, None if it has no array of a framework."""
    modules = recognized.imported()
    for leaf in leaves(value):
        for name, module in modules.items():
            if RECOGNIZED[name].is_array(module, leaf):
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
    leaves_of_value = list(leaves(value))
    for name, module in recognized.imported().items():
        RECOGNIZED[name].wait(module, leaves_of_value)


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
    """The most memory that this process has held: on its first accelerator, or of the host's for a CPU.

    None where no framework can tell.
    """
    if kind is Kind.CPU:
        return peak_resident_bytes()
    peaks = [
        RECOGNIZED[name].peak_memory_bytes(module, kind) for name, module in recognized.imported().items()
    ]
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
