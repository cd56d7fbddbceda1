"""Which trainable variables a training left as they were, though there was time to change."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

STEPS_UNTIL_ALL_CHANGE = 10
"""Blocks start as identities (``resnet50.py``), so gradients reach what is inside them some steps later."""


class Variable(NamedTuple):
    """A trainable variable as it is now: a float32 array, and the momentum of its gradients beside it."""

    name: str
    value: np.ndarray
    momentum: np.ndarray


def checksums(variables: Sequence[Variable]) -> list[int]:
    """What tells at the end that a variable changed, without keeping it."""
    return [zlib.crc32(variable.value.tobytes()) for variable in variables]


def frozen(
    variables: Sequence[Variable], initial: Sequence[int], *, steps: int, learning_rate: float
) -> tuple[str, ...]:
    """Those whose every bit is as it was at the start, with number and shape.

    ``initial`` are the checksums before the first of ``steps`` steps, at the most at ``learning_rate``.
    """
    if steps < STEPS_UNTIL_ALL_CHANGE:
        return ()
    return tuple(
        f"variable {number} of {len(variables)} ({variable.name} {'x'.join(map(str, variable.value.shape))})"
        for number, (variable, before, now) in enumerate(
            zip(variables, initial, checksums(variables), strict=True), 1
        )
        if now == before and not _rounded_away(variable, learning_rate)
    )


def _rounded_away(variable: Variable, learning_rate: float) -> bool:
    """Whether gradients arrive, and all are too small for float32 to add to the weights."""
    change = learning_rate * np.abs(variable.momentum)
    resolution = np.spacing(np.abs(variable.value))
    return bool(np.any(change > 0) and np.all(change <= resolution / 2))
