"""JAX's steps, traced for a TPU slice that need not be here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pytest_accel.frameworks.jax import image_classification, training
from pytest_accel.frameworks.jax.training import STATE_SPECS
from pytest_accel.frameworks.xla import aot_compiler
from pytest_accel.frameworks.xla.mesh import REPLICATED, SHARDED
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Lowered, Workload


def lower(workload: Workload, topology: str) -> Lowered:
    """The step of a built-in workload over all devices: each with its share of the batch.

    Raises ValueError for a batch that does not divide by the devices, RuntimeError where libtpu is missing.
    """
    target = slice_named(topology)
    mesh = aot_compiler.mesh(target)
    aot_compiler.check_divides(workload.examples_per_step, target)
    state = image_classification.initial_state(workload, target.devices)
    shapes = type(state)(
        *(
            jax.tree.map(functools.partial(_shape, mesh, place), part)
            for part, place in zip(state, STATE_SPECS, strict=True)
        )
    )
    batch, size = workload.examples_per_step, workload.parameters["image_size"]
    images = jax.ShapeDtypeStruct((batch, size, size, 3), image_classification.compute_type(workload))
    labels = jax.ShapeDtypeStruct((batch,), jnp.int32)
    step = training.data_parallel_step(mesh, image_classification.recipe(workload))
    program = step.lower(
        shapes,
        _shape(mesh, REPLICATED, np.float32(0)),
        _shape(mesh, SHARDED, images),
        _shape(mesh, SHARDED, labels),
    )
    return aot_compiler.lowered(program, target, "per_replica")


def lower_step(
    step: Callable[..., Any], state: Any, batch: Sequence[Any], topology: str, examples_per_step: int
) -> Lowered:
    """``step(state, *batch) -> (state, aux)`` over all devices: the state on each, the batch split.

    The arrays of the batch are split along their first axis, of ``examples_per_step`` examples, by the
    compiler, and the state's memory is reused. Raises ValueError for a batch that does not divide by the
    devices, TypeError for what JAX cannot trace, and RuntimeError as ``lower`` does.
    """
    target = slice_named(topology)
    mesh = aot_compiler.mesh(target)
    aot_compiler.check_divides(examples_per_step, target)

    def of_batch(leaf: Any) -> jax.ShapeDtypeStruct:
        return _shape(mesh, SHARDED if np.shape(leaf)[:1] == (examples_per_step,) else REPLICATED, leaf)

    try:
        shapes = (
            jax.tree.map(functools.partial(_shape, mesh, REPLICATED), state),
            *jax.tree.map(of_batch, tuple(batch)),
        )
        places = (
            NamedSharding(mesh, REPLICATED),
            None,
        )  # or the compiler leaves the new state where it likes
        program = jax.jit(step, donate_argnums=0, out_shardings=places).lower(*shapes)
    except Exception as error:
        raise TypeError(
            f"--accel-topology={topology}: JAX cannot trace this step, which must be a function of arrays, "
            f"step(state, *batch) -> (state, aux): {type(error).__name__}: {aot_compiler.first_line(error)}"
        ) from error
    return aot_compiler.lowered(program, target, "spmd")


def _shape(mesh: Mesh, place: PartitionSpec, leaf: Any) -> jax.ShapeDtypeStruct:
    known = jax.typeof(leaf)
    place_on_mesh = NamedSharding(mesh, place)
    return jax.ShapeDtypeStruct(
        known.shape, known.dtype, sharding=place_on_mesh, weak_type=getattr(known, "weak_type", False)
    )
