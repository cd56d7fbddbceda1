"""JAX's steps, traced for a TPU slice that need not be here."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
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

_MESH = re.compile(r"sdy\.mesh @\S+ = <\[([^\]]*)\]")
_AXIS = re.compile(r'"([^"]*)"=(\d+)')


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
    """``step(state, *batch) -> (state, aux)`` over all devices of the slice.

    A step with shardings of its own is compiled as it is written, with its mesh on the devices of the slice.
    For others the compiler splits the arrays of the batch along their first axis, of ``examples_per_step``
    examples, and the state is on each device. A function that is not jitted is, and its state is donated; of
    a jitted one the donation is the user's. Raises ValueError for a batch that does not divide by the devices
    and for a mesh of another number of devices, TypeError for what JAX cannot trace, and RuntimeError as
    ``lower`` does.
    """
    target = slice_named(topology)
    mesh = aot_compiler.mesh(target)
    with _tracing(topology):
        jitted, given = _jitted(step, state, tuple(batch))
        traced = jitted.trace(*given)
        own_mesh = _own_mesh(traced)
    _check_uses_batch(traced, given)
    named_devices = math.prod(own_mesh.values())
    as_written = bool(own_mesh) and named_devices == target.devices
    if not as_written and named_devices > 1:
        raise ValueError(
            f"The step is written for {named_devices} devices, and {target.name} has {target.devices}: make "
            "its mesh with accel.mesh(axes, shape), which takes those of the slice"
        )
    if not as_written:
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batch)]
        aot_compiler.check_can_be_split(shapes, examples_per_step, target)
    with _tracing(topology):
        if not as_written:
            program = _split(mesh, jitted, traced, given, examples_per_step)
        else:
            devices = mesh.devices.reshape(tuple(own_mesh.values()))
            program = _on_devices_of(Mesh(devices, tuple(own_mesh)), jitted, traced, given)
    return aot_compiler.lowered(program, target, "spmd")


@contextlib.contextmanager
def _tracing(topology: str) -> Iterator[None]:
    """Whatever JAX raises for a step is a TypeError that says so."""
    try:
        yield
    except Exception as error:
        raise TypeError(
            f"--accel-topology={topology}: JAX cannot trace this step, which must be a function of arrays, "
            f"step(state, *batch) -> (state, aux): {type(error).__name__}: {aot_compiler.first_line(error)}"
        ) from error


def _own_mesh(traced: Any) -> dict[str, int]:
    """The axes of the mesh that a step is written for, with their sizes; none if it names no devices.

    A CPU cannot have a TPU's kernels (Pallas), and a TPU that is not here no functions of this process.
    """
    try:
        lowered = traced.lower()
    except Exception:  # whatever a kernel raises
        lowered = traced.lower(lowering_platforms=("tpu",))
    found = _MESH.search(lowered.as_text())
    return {name: int(size) for name, size in _AXIS.findall(found[1])} if found else {}


def _check_uses_batch(traced: Any, given: tuple[Any, ...]) -> None:
    """Raise ValueError for a step that would cost the same without its batch."""
    jaxpr = traced.jaxpr.jaxpr
    of_batch = jaxpr.invars[len(jax.tree.leaves(given[0])) :]
    used = {id(each) for one in jaxpr.eqns for each in one.invars} | {id(each) for each in jaxpr.outvars}
    if of_batch and not any(id(each) in used for each in of_batch):
        raise ValueError(
            "The step uses no array of batch=: what is compiled would not be the step that trains on it. "
            "Take what it works on from its arguments"
        )


def _jitted(step: Any, state: Any, batch: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """What to trace, and with what: a jitted step as it is.

    In a plain function numbers and None stay what they are, so only its arrays are traced.
    """
    original = getattr(step, "original", step)
    if hasattr(original, "trace"):
        jax.eval_shape(step, state, *batch)  # which raises for a state that is changed
        return original, (state, *batch)
    leaves, structure = jax.tree.flatten((state, batch))
    arrays = [position for position, leaf in enumerate(leaves) if hasattr(leaf, "shape")]
    of_state = len(jax.tree.leaves(state))

    def of_arrays(state_arrays: list[Any], batch_arrays: list[Any]) -> Any:
        values = list(leaves)
        for position, array in zip(arrays, [*state_arrays, *batch_arrays], strict=True):
            values[position] = array
        now, examples = jax.tree.unflatten(structure, values)
        return step(now, *examples)

    given = (
        [leaves[position] for position in arrays if position < of_state],
        [leaves[position] for position in arrays if position >= of_state],
    )
    return jax.jit(of_arrays, donate_argnums=0), given


def _split(
    mesh: Mesh, jitted: Any, traced: Any, given: tuple[Any, ...], examples_per_step: int
) -> jax.stages.Lowered:
    """One program for the global batch, which the compiler splits."""

    def of_batch(leaf: Any) -> jax.ShapeDtypeStruct:
        return _shape(mesh, SHARDED if np.shape(leaf)[:1] == (examples_per_step,) else REPLICATED, leaf)

    state, *batch = given
    shapes = (
        jax.tree.map(functools.partial(_shape, mesh, REPLICATED), state),
        *jax.tree.map(of_batch, batch),
    )
    # Without a place for the new state the compiler leaves it where it likes.
    places = (NamedSharding(mesh, REPLICATED), None)
    program = jax.jit(jitted, donate_argnums=_donated_arguments(traced, given), out_shardings=places)
    return program.lower(*shapes)


def _on_devices_of(mesh: Mesh, jitted: Any, traced: Any, given: tuple[Any, ...]) -> jax.stages.Lowered:
    """The step with its own shardings, on the devices of ``mesh`` in the place of those that it names."""
    exported = jax.export.export(jitted, platforms=["tpu"])(*given)
    places = exported.in_shardings_jax(mesh)
    leaves, structure = jax.tree.flatten(given)
    shapes = [
        jax.ShapeDtypeStruct(known.shape, known.dtype, sharding=_place(leaf, wanted, mesh))
        for leaf, known, wanted in zip(leaves, exported.in_avals, places, strict=True)
    ]
    program = jax.jit(exported.call, donate_argnums=_donated_arguments(traced, given))
    return program.lower(*jax.tree.unflatten(structure, shapes))


def _place(leaf: Any, wanted: Any, mesh: Mesh) -> Any:
    """Where an argument lies: where the step wants it, else as it was put."""
    if wanted is not None:
        return wanted
    known = getattr(leaf, "sharding", None)
    return NamedSharding(mesh, known.spec if isinstance(known, NamedSharding) else REPLICATED)


def _donated_arguments(traced: Any, given: tuple[Any, ...]) -> tuple[int, ...]:
    """Positions of arguments of which every leaf is donated."""
    donated = set(traced.donate_argnums)
    positions, first = [], 0
    for number, argument in enumerate(given):
        leaves = len(jax.tree.leaves(argument))
        if leaves and donated.issuperset(range(first, first + leaves)):
            positions.append(number)
        first += leaves
    return tuple(positions)


def _shape(mesh: Mesh, place: PartitionSpec, leaf: Any) -> jax.ShapeDtypeStruct:
    known = jax.typeof(leaf)
    place_on_mesh = NamedSharding(mesh, place)
    return jax.ShapeDtypeStruct(
        known.shape, known.dtype, sharding=place_on_mesh, weak_type=getattr(known, "weak_type", False)
    )
