"""TensorFlow's programs put together for all devices of a slice, ready to be compiled."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Protocol

import jax
from jax import lax
from jax.sharding import NamedSharding

from pytest_accel.frameworks.xla import aot_compiler, stablehlo_import
from pytest_accel.frameworks.xla.mesh import DEVICES, REPLICATED, SHARDED
from pytest_accel.hardware.tpu_generations import Slice
from pytest_accel.records import Lowered

Values = Mapping[Hashable, jax.Array]


class Module(Protocol):
    """A program: see ``frameworks.tensorflow.stablehlo``."""

    @property
    def text(self) -> str: ...

    @property
    def variables(self) -> tuple[Hashable, ...]: ...

    @property
    def results(self) -> int: ...

    @property
    def updated(self) -> tuple[Hashable, ...]: ...


def replicated(
    target: Slice, global_batch: int, first: Module, second: Module, local: Collection[Hashable]
) -> Lowered:
    """A step on each device: ``first`` gives a share of the loss and of the gradients, ``second`` takes sums.

    ``local`` are variables of which each device has its own.
    """
    mesh = aot_compiler.mesh(target)
    aot_compiler.check_divides(global_batch, target)
    compute, update = (stablehlo_import.function(each.text, ["tpu"]) for each in (first, second))
    given = len(compute.arguments) - len(first.variables)
    shapes = dict(zip(first.variables, compute.arguments[given:], strict=True))
    shapes |= dict(zip(second.variables, update.arguments[-len(second.variables) :], strict=True))
    order = list(shapes)
    places = [SHARDED if variable in local else REPLICATED for variable in order]

    def share(values: list[jax.Array], *batch: jax.Array) -> tuple[list[jax.Array], jax.Array]:
        now = {
            variable: value[0] if variable in local else value
            for variable, value in zip(order, values, strict=True)
        }
        (loss, *gradients), now = _called(compute, first, batch, now)
        loss, gradients = lax.psum((loss, gradients), DEVICES)
        _, now = _called(update, second, gradients, now)
        return [now[variable][None] if variable in local else now[variable] for variable in order], loss

    shared = jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(places, *[SHARDED] * given),
        out_specs=(places, REPLICATED),
        check_vma=False,
    )
    values = [
        _whole(shapes[variable], target.devices, mesh, variable in local, new_axis=True) for variable in order
    ]
    batch = [_whole(shape, target.devices, mesh, True) for shape in compute.arguments[:given]]
    program = jax.jit(shared, donate_argnums=0).lower(values, *batch)
    return aot_compiler.lowered(program, target, "per_replica")


def partitioned(target: Slice, global_batch: int, module: Module, leaves_of_state: int) -> Lowered:
    """One program for the global batch, which the compiler splits over the devices."""
    mesh = aot_compiler.mesh(target)
    function = stablehlo_import.function(module.text, ["tpu"])
    given = len(function.arguments) - len(module.variables)
    of_the_batch = [argument.shape for argument in function.arguments[leaves_of_state:given]]
    aot_compiler.check_can_be_split(of_the_batch, global_batch, target)

    def placed(position: int, shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        of_batch = leaves_of_state <= position < given and shape.shape[:1] == (global_batch,)
        return jax.ShapeDtypeStruct(
            shape.shape, shape.dtype, sharding=NamedSharding(mesh, SHARDED if of_batch else REPLICATED)
        )

    shapes = [placed(position, shape) for position, shape in enumerate(function.arguments)]
    changed = [given + at for at, name in enumerate(module.variables) if name in module.updated]
    same = NamedSharding(mesh, REPLICATED)
    results = [same] * leaves_of_state + [None] * (module.results - leaves_of_state)
    program = jax.jit(
        function.call,
        donate_argnums=(*range(leaves_of_state), *changed),
        out_shardings=[*results, *[same] * len(module.updated)],  # or the compiler leaves them where it likes
    ).lower(*shapes)
    return aot_compiler.lowered(program, target, "spmd")


def _called(
    function: stablehlo_import.Function, module: Module, given: Any, values: Values
) -> tuple[list[jax.Array], dict[Hashable, jax.Array]]:
    """Its results, and the values of all variables after it."""
    out = list(function.call(*given, *(values[variable] for variable in module.variables)))
    updated = dict(zip(module.updated, out[module.results :], strict=True))
    return out[: module.results], {**values, **updated}


def _whole(
    shape: jax.ShapeDtypeStruct, devices: int, mesh: Any, split: bool, *, new_axis: bool = False
) -> jax.ShapeDtypeStruct:
    """Of all devices together, given the shape of one device's share."""
    whole = shape.shape
    if split:
        whole = (devices, *whole) if new_axis else (devices * whole[0], *whole[1:])
    return jax.ShapeDtypeStruct(
        whole, shape.dtype, sharding=NamedSharding(mesh, SHARDED if split else REPLICATED)
    )
