"""A program of another framework, given as StableHLO, as a function that JAX can call and compile.

This is the one place that goes beyond JAX's documented interface: it replaces the module inside of a
``jax.export.Exported``, which its documentation shows as a field, and strips what other frameworks leave in
theirs. tests/frameworks/test_stablehlo_import.py says what broke when a new version moves it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.mlir import ir
from jax.extend.mlir.dialects import stablehlo
from jax.interpreters import mlir

_ELEMENT_TYPES = {
    "f16": jnp.float16,
    "bf16": jnp.bfloat16,
    "f32": jnp.float32,
    "f64": jnp.float64,
    "i1": jnp.bool_,
    "i8": jnp.int8,
    "i16": jnp.int16,
    "i32": jnp.int32,
    "i64": jnp.int64,
    "ui8": jnp.uint8,
    "ui16": jnp.uint16,
    "ui32": jnp.uint32,
    "ui64": jnp.uint64,
}

_COPY = re.compile(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)")


@dataclass(frozen=True)
class Function:
    """From arrays of the shapes of ``arguments`` to a list of arrays."""

    call: Callable[..., Sequence[jax.Array]]
    arguments: tuple[jax.ShapeDtypeStruct, ...]


def function(text: str, platforms: Sequence[str]) -> Function:
    """The function ``main`` of a module, for these platforms ("tpu", "cpu").

    Raises ValueError for text that is not such a module, or uses types that JAX does not have.
    """
    jax.config.update("jax_enable_x64", True)  # or JAX would take every int64 for an int32
    with mlir.make_ir_context():
        try:
            module = ir.Module.parse(_COPY.sub(r"stablehlo.reshape \1 : (\2) -> \2", text))
        except Exception as error:
            raise ValueError(f"no StableHLO that JAX {jax.__version__} can read: {error}") from error
        (main,) = (op for op in module.body.operations if op.attributes["sym_name"].value == "main")
        arguments, results = (list(map(_shape, types)) for types in (main.type.inputs, main.type.results))
        _strip(module.operation)
        artifact = stablehlo.serialize_portable_artifact(module, stablehlo.get_current_version())

    def stand_in(*given: jax.Array) -> list[jax.Array]:
        return [jnp.zeros(result.shape, result.dtype) for result in results]

    exported = jax.export.export(jax.jit(stand_in, keep_unused=True), platforms=platforms)(*arguments)
    replaced = dataclasses.replace(exported, mlir_module_serialized=artifact)
    return Function(replaced.call, tuple(arguments))


def _shape(written: Any) -> jax.ShapeDtypeStruct:
    tensor = ir.RankedTensorType(written)
    element = str(tensor.element_type)
    if element not in _ELEMENT_TYPES:
        raise ValueError(f"a value of type {written}, which JAX has no array for")
    return jax.ShapeDtypeStruct(tuple(tensor.shape), _ELEMENT_TYPES[element])


def _strip(operation: Any) -> None:
    """Remove attributes that StableHLO does not have, and the name, which counts up within a process."""
    operation.attributes["sym_name"] = ir.StringAttr.get("step")
    for attribute in list(operation.attributes):
        name = getattr(attribute, "name", attribute)  # jaxlib before 0.8 gives more than names
        if name.startswith("mhlo."):
            del operation.attributes[name]
