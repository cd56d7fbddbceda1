"""A ``tf.function`` as the text of a program that no longer needs TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

_ALIAS = re.compile(r"parameter_number = (\d+) : i64\}, output_index = array<i64(?:: (\d+))?>")


@dataclass(frozen=True)
class Module:
    """StableHLO whose function ``main`` takes tensors and then the values of ``variables``.

    It gives ``results`` tensors, and then the new values of ``updated``. Variables are told apart by their
    references; that is enough for those which an operation reaches through a bare handle, too.
    """

    text: str
    variables: tuple[Hashable, ...]
    results: int
    updated: tuple[Hashable, ...]


def module(step: Callable[..., Any], *arguments: tf.TensorSpec) -> Module:
    """Of ``step`` for tensors like these, given as ``tf.TensorSpec``s.

    Raises TypeError for a step that cannot be traced, or that XLA cannot compile.
    """
    function = tf.function(step, autograph=False, jit_compile=True)
    try:
        concrete = function.get_concrete_function(*arguments)
        text = function.experimental_get_compiler_ir(*arguments)(stage="stablehlo")
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0][:300]
        raise TypeError(
            "XLA cannot compile this step, which must be a function of tensors that TensorFlow can trace: "
            f"{type(error).__name__}: {first_line}"
        ) from error
    captured = concrete.captured_inputs
    if any(handle.dtype != tf.resource for handle in captured):
        raise TypeError(
            "the step uses a tensor from outside of it: hand it over with state= or batch=, or make it a "
            "tf.Variable"
        )
    variables = tuple(handle.ref() for handle in captured)
    explicit = len(concrete.inputs) - len(variables)
    updates = {int(output or 0): int(parameter) for parameter, output in _ALIAS.findall(text)}
    return Module(
        text,
        variables,
        len(concrete.outputs),
        tuple(variables[updates[output] - explicit] for output in sorted(updates)),
    )
