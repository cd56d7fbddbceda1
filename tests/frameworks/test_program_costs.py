"""Costs read from programs of a real compiler: beside XLA's own count, and with loops against without."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.hlo.operations import operations
from pytest_accel.analysis.hlo.program_text import parse

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.jax

jnp, lax = jax.numpy, jax.lax

LAYERS, WIDTH, EXAMPLES = 12, 32, 1024


def compiled(function, *shapes):
    arguments = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
        shapes,
        is_leaf=lambda one: isinstance(one, tuple) and all(isinstance(size, int) for size in one),
    )
    return jax.jit(jax.grad(function, argnums=(0, 1))).lower(*arguments).compile()


def costs(program):
    found = list(operations(parse(program.as_text()), 1))
    return (
        sum(one.runs * one.flops for one in found),
        sum(one.runs * one.logical_bytes for one in found),
    )


def products(weights, x):
    return jnp.mean(jnp.tanh(x @ weights) @ weights.T)


def convolutions(kernel, x):
    y = lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jnp.mean(lax.reduce_window(jax.nn.relu(y), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"))


def attention(weights, x):
    q, k, v = (jnp.einsum("btd,de->bte", x, weights[i]) for i in range(3))
    return jnp.mean(jax.nn.softmax(jnp.einsum("bte,bse->bts", q, k)) @ v)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (products, ((64, 64), (32, 64))),
        (convolutions, ((3, 3, 4, 8), (2, 16, 16, 4))),
        (attention, ((3, 16, 16), (2, 8, 16))),
    ],
)
def test_without_loops_flops_and_bytes_are_those_that_xla_counts(function, shapes):
    program = compiled(function, *shapes)
    flops, moved = costs(program)
    by_xla = program.cost_analysis()
    assert flops == pytest.approx(by_xla["flops"], rel=0.005)
    assert moved == pytest.approx(by_xla["bytes accessed"], rel=0.05)


def layer(x, weights):
    return x + jnp.tanh(x @ weights["in"]) @ weights["out"]


def scanned(unroll):
    def loss(weights, x):
        y, _ = lax.scan(lambda at, each: (layer(at, each), None), x, weights, unroll=unroll)
        return jnp.mean(y**2)

    return loss


def one_by_one(weights, x):
    for number in range(LAYERS):
        x = layer(x, {name: each[number] for name, each in weights.items()})
    return jnp.mean(x**2)


def test_layers_cost_the_same_flops_in_a_loop_and_one_by_one():
    weights = {"in": (LAYERS, WIDTH, 4 * WIDTH), "out": (LAYERS, 4 * WIDTH, WIDTH)}
    flops, *in_loops = (
        costs(compiled(loss, weights, (EXAMPLES, WIDTH)))[0] for loss in (one_by_one, scanned(1), scanned(4))
    )
    assert in_loops == [pytest.approx(flops, rel=0.01)] * 2
