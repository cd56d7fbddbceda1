"""Training steps of eight families in JAX, with knobs that make them slower, faster, or only other code.

Each family is a function of ``Knobs`` that returns a step, ``step(state, *batch) -> (state, aux)``, its state
and its batch, as shapes alone: nothing here computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

RATE = 0.01

Parameters = Any


@dataclass(frozen=True)
class Knobs:
    """What a family is made with. ``layers`` is also the length of a loop in families that have one."""

    layers: int = 8
    width: int = 512
    dtype: Any = jnp.bfloat16
    precision: str | None = None
    another_product: bool = False
    sorted_activations: bool = False
    printed: bool = False
    kept_in_float32: bool = False
    turned_around: bool = False
    activations_returned: bool = False
    rematerialized: bool = False
    unroll: int = 1
    hoisted: bool = False
    written_otherwise: str = ""


class Made(NamedTuple):
    step: Callable[..., Any]
    state: Any
    batch: tuple[Any, ...]
    examples: int


def _shape(*sizes: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, dtype)


def _product(x: jax.Array, weights: jax.Array, knobs: Knobs) -> jax.Array:
    x, weights = x.astype(knobs.dtype), weights.astype(knobs.dtype)
    if knobs.written_otherwise == "einsum":
        return jnp.einsum("...i,ij->...j", x, weights, precision=knobs.precision)
    if knobs.written_otherwise == "dot_general":
        contraction = (((x.ndim - 1,), (0,)), ((), ()))
        return lax.dot_general(x, weights, contraction, precision=knobs.precision)
    return jnp.matmul(x, weights, precision=knobs.precision)


def _rectified(x: jax.Array, knobs: Knobs) -> jax.Array:
    if knobs.written_otherwise == "maximum":
        return jnp.maximum(x, 0)
    return jax.nn.relu(x)


def _changed(x: jax.Array, knobs: Knobs, square: jax.Array) -> jax.Array:
    """What the knobs do to activations between layers; ``square`` is some weights of their width."""
    if knobs.sorted_activations:
        x = x.at[..., :128].set(jnp.sort(x[..., :128], axis=-1))
    if knobs.printed:
        jax.debug.print("{}", x.reshape(-1)[0])
    if knobs.kept_in_float32:
        x = lax.optimization_barrier(x.astype(jnp.float32)).astype(x.dtype)
    if knobs.turned_around:
        x = lax.optimization_barrier(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if knobs.another_product:
        x = x + _product(x, square, knobs)
    return x


def _trained(loss: Callable[..., Any], knobs: Knobs) -> Callable[..., Any]:
    """One step of gradient descent on ``loss(state, *batch) -> (loss, activations)``."""
    if knobs.rematerialized:
        loss = jax.checkpoint(loss)

    def step(state: Parameters, *batch: jax.Array) -> tuple[Parameters, Any]:
        (value, activations), gradients = jax.value_and_grad(loss, has_aux=True)(state, *batch)
        if knobs.written_otherwise == "tree_map_rate":
            updates = jax.tree.map(lambda gradient: RATE * gradient, gradients)
            new = jax.tree.map(jnp.subtract, state, updates)
        else:
            new = jax.tree.map(lambda each, gradient: each - RATE * gradient, state, gradients)
        return new, (value, activations) if knobs.activations_returned else value

    if knobs.written_otherwise == "nested_jit":
        jitted: Callable[..., Any] = jax.jit(step, donate_argnums=0)
        return jitted
    return step


def _mean_square(x: jax.Array, y: jax.Array, knobs: Knobs) -> jax.Array:
    difference = x.astype(jnp.float32) - y
    if knobs.written_otherwise == "sum_of_squares":
        return jnp.sum(difference * difference) / difference.size
    return jnp.mean(difference**2)


def dense(knobs: Knobs) -> Made:
    """Fully connected layers, one by one."""
    examples, width, layers = 2048, 2 * knobs.width, knobs.layers // 2

    def loss(weights: Parameters, x: jax.Array, y: jax.Array) -> Any:
        for number in range(layers):
            x = _rectified(_product(x, weights[f"layer_{number}"], knobs), knobs)
            x = _changed(x, knobs, weights["layer_0"])
        return _mean_square(x, y, knobs), x

    weights = {f"layer_{number}": _shape(width, width) for number in range(layers)}
    batch = (_shape(examples, width), _shape(examples, width))
    return Made(_trained(loss, knobs), weights, batch, examples)


def convolution(knobs: Knobs) -> Made:
    """Residual blocks of convolutions with batch normalization, a pooling and a classifier."""
    examples, channels, classes = 256, knobs.width // 4, 1000

    def convolved(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x.astype(knobs.dtype),
            kernel.astype(knobs.dtype),
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=knobs.precision,
        )

    def loss(weights: Parameters, x: jax.Array, y: jax.Array) -> Any:
        x = convolved(x, weights["first"])
        for number in range(knobs.layers // 2):
            x = x + _rectified(convolved(x, weights[f"block_{number}"]), knobs)
            mean, variance = x.mean((0, 1, 2), keepdims=True), x.var((0, 1, 2), keepdims=True)
            x = ((x - mean) * lax.rsqrt(variance + 1e-5)).astype(knobs.dtype)
            x = _changed(x, knobs, weights["block_0"][1, 1])
        logits = _product(x.mean((1, 2)), weights["last"], knobs).astype(jnp.float32)
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * jax.nn.one_hot(y, classes), -1)), x

    weights = {f"block_{number}": _shape(3, 3, channels, channels) for number in range(knobs.layers // 2)}
    weights |= {"first": _shape(3, 3, 3, channels), "last": _shape(channels, classes)}
    batch = (_shape(examples, 32, 32, 3), _shape(examples, dtype=jnp.int32))
    return Made(_trained(loss, knobs), weights, batch, examples)


def _attention_block(x: jax.Array, weights: Parameters, knobs: Knobs) -> jax.Array:
    examples, length, width = x.shape
    heads = (examples, length, 8, width // 8)
    normal = x - x.mean(-1, keepdims=True)
    query, key, value = (_product(normal, weights[name], knobs).reshape(heads) for name in "qkv")
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, precision=knobs.precision) / (width // 8) ** 0.5
    mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value, precision=knobs.precision)
    x = x + _product(mixed.reshape(x.shape), weights["out"], knobs).astype(x.dtype)
    hidden = _rectified(_product(x, weights["up"], knobs), knobs)
    x = x + _product(hidden, weights["down"], knobs).astype(x.dtype)
    return _changed(x, knobs, weights["q"])


def _transformer(knobs: Knobs, layers: int, *, in_a_loop: bool) -> Made:
    examples, length, width = 32, 256, knobs.width

    def loss(weights: Parameters, x: jax.Array, y: jax.Array) -> Any:
        blocks = weights["blocks"]
        x = x.astype(knobs.dtype)
        if in_a_loop:

            def body(x: jax.Array, block: Parameters) -> tuple[jax.Array, None]:
                return _attention_block(x, block, knobs), None

            x, _ = lax.scan(body, x, blocks, unroll=knobs.unroll)
        else:
            for number in range(layers):
                block = {name: each[number] for name, each in blocks.items()}
                x = _attention_block(x, block, knobs)
        return _mean_square(x, y, knobs), x

    blocks = {name: _shape(layers, width, width) for name in ("q", "k", "v", "out")}
    blocks |= {"up": _shape(layers, width, 4 * width), "down": _shape(layers, 4 * width, width)}
    batch = (_shape(examples, length, width), _shape(examples, length, width))
    return Made(_trained(loss, knobs), {"blocks": blocks}, batch, examples)


def transformer(knobs: Knobs) -> Made:
    """Layers of attention in a scan."""
    return _transformer(knobs, knobs.layers, in_a_loop=True)


def transformer_one_by_one(knobs: Knobs) -> Made:
    """Layers of attention written out."""
    return _transformer(knobs, knobs.layers // 2, in_a_loop=False)


def recurrent(knobs: Knobs) -> Made:
    """A recurrent network over a sequence of 8 steps for each layer that the knobs name."""
    length, examples, width = 8 * knobs.layers, 256, knobs.width

    def loss(weights: Parameters, x: jax.Array, y: jax.Array) -> Any:
        if knobs.hoisted:
            x = _product(x, weights["input"], knobs)

        def cell(state: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
            given = now if knobs.hoisted else _product(now, weights["input"], knobs)
            state = jnp.tanh(given + _product(state, weights["state"], knobs))
            state = _changed(state, knobs, weights["input"])
            return state, state

        first = jnp.zeros((examples, width), knobs.dtype)
        last, states = lax.scan(cell, first, x.swapaxes(0, 1), unroll=knobs.unroll)
        return _mean_square(last, y, knobs), states

    weights = {"input": _shape(width, width), "state": _shape(width, width)}
    batch = (_shape(examples, length, width), _shape(examples, width))
    return Made(_trained(loss, knobs), weights, batch, examples)


def embedding(knobs: Knobs) -> Made:
    """Embeddings of a recommender, summed, and two dense layers."""
    examples, width = 4096, knobs.width // 2

    def loss(weights: Parameters, ids: jax.Array, y: jax.Array) -> Any:
        x = weights["table"][ids].sum(1).astype(knobs.dtype)
        for number in range(2):
            x = _rectified(_product(x, weights[f"layer_{number}"], knobs), knobs)
            x = _changed(x, knobs, weights["layer_0"])
        return _mean_square(x, y, knobs), x

    weights = {
        "table": _shape(50_000, width),
        "layer_0": _shape(width, width),
        "layer_1": _shape(width, width),
    }
    batch = (_shape(examples, knobs.layers, dtype=jnp.int32), _shape(examples, width))
    return Made(_trained(loss, knobs), weights, batch, examples)


def accumulation(knobs: Knobs) -> Made:
    """Dense layers, with gradients added up over a loop of small batches."""
    examples, width, parts = 4096, 2 * knobs.width, knobs.layers

    def part_loss(weights: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
        for number in range(2):
            x = _rectified(_product(x, weights[f"layer_{number}"], knobs), knobs)
            x = _changed(x, knobs, weights["layer_0"])
        return _mean_square(x, y, knobs)

    def step(weights: Parameters, x: jax.Array, y: jax.Array) -> tuple[Parameters, Any]:
        def add(total: Parameters, part: Any) -> tuple[Parameters, jax.Array]:
            value, gradients = jax.value_and_grad(part_loss)(weights, *part)
            return jax.tree.map(jnp.add, total, gradients), value

        parted = [each.reshape(examples // parts, parts, -1).swapaxes(0, 1) for each in (x, y)]
        gradients, values = lax.scan(
            add, jax.tree.map(jnp.zeros_like, weights), tuple(parted), unroll=knobs.unroll
        )
        new = jax.tree.map(lambda each, gradient: each - RATE * gradient, weights, gradients)
        return new, values.mean()

    weights = {f"layer_{number}": _shape(width, width) for number in range(2)}
    return Made(step, weights, (_shape(examples, width), _shape(examples, width)), examples)


def mixture(knobs: Knobs) -> Made:
    """A mixture of experts: each example goes to one of eight, in a scan over layers."""
    examples, width, experts, layers = 2048, knobs.width, 8, knobs.layers // 2

    def block(x: jax.Array, weights: Parameters) -> jax.Array:
        gates = jax.nn.softmax(_product(x, weights["gate"], knobs).astype(jnp.float32))
        chosen = jax.nn.one_hot(gates.argmax(-1), experts, dtype=knobs.dtype)
        given = jnp.einsum("be,bd->ebd", chosen, x.astype(knobs.dtype))
        hidden = _rectified(
            jnp.einsum("ebd,edf->ebf", given, weights["up"].astype(knobs.dtype), precision=knobs.precision),
            knobs,
        )
        back = jnp.einsum(
            "ebf,efd->bd", hidden, weights["down"].astype(knobs.dtype), precision=knobs.precision
        )
        return _changed(x + back * gates.max(-1, keepdims=True).astype(knobs.dtype), knobs, weights["up"][0])

    def loss(weights: Parameters, x: jax.Array, y: jax.Array) -> Any:

        def body(x: jax.Array, layer: Parameters) -> tuple[jax.Array, None]:
            return block(x, layer), None

        x, _ = lax.scan(body, x.astype(knobs.dtype), weights["layers"], unroll=knobs.unroll)
        return _mean_square(x, y, knobs), x

    stacked = {
        "gate": _shape(layers, width, experts),
        "up": _shape(layers, experts, width, width),
        "down": _shape(layers, experts, width, width),
    }
    batch = (_shape(examples, width), _shape(examples, width))
    return Made(_trained(loss, knobs), {"layers": stacked}, batch, examples)


FAMILIES: Mapping[str, Callable[[Knobs], Made]] = {
    family.__name__: family
    for family in (
        dense,
        convolution,
        transformer,
        transformer_one_by_one,
        recurrent,
        embedding,
        accumulation,
        mixture,
    )
}
