"""The steps of same_on_both_sides.py, by the name of their kind.

Each maker returns a step and what waits for its result. Nothing is imported before a maker is called, so
that a process holds what its own step needs and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple


class Made(NamedTuple):
    """``step()`` does the work; ``wait`` takes what it returned and blocks until that is computed."""

    step: Callable[[], Any]
    wait: Callable[[Any], Any]


class Kind(NamedTuple):
    """How to make a step, and the modules that must be there for it."""

    make: Callable[[], Made]
    needs: tuple[str, ...] = ()


def _at_once(_result: object) -> None:
    """A step that has done all its work when it returns."""


def _temporaries(count: int, operations: int) -> Made:
    """A chain of arrays of ``count`` 32-bit floats, each made from the one before."""
    import numpy as np

    x = np.ones(count, np.float32)

    def step() -> float:
        y = x
        for _ in range(operations):
            y = y * 1.0001 + 0.1
        return float(y[0])

    return Made(step, _at_once)


def _blas() -> Made:
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.random((384, 384), np.float32) for _ in "ab")
    return Made(lambda: float((a @ b)[0, 0]), _at_once)


def _objects() -> Made:
    """Small objects that live for the length of a step, many at a time."""

    def step() -> int:
        rows: list[dict[str, Any]] = [
            {"key": number, "text": str(number), "pair": (number, [number])} for number in range(1000)
        ]
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(row["text"][-1], []).append(row)
        return sum(row["pair"][1][0] for group in groups.values() for row in group)

    return Made(step, _at_once)


def _tensorflow() -> Made:
    import tensorflow as tf

    random = tf.random.Generator.from_seed(0)
    first = tf.Variable(random.normal((128, 128), stddev=0.1))
    second = tf.Variable(random.normal((128, 10), stddev=0.1))
    x, y = random.normal((64, 128)), random.normal((64, 10))

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.tanh(x @ first) @ second - y) ** 2)
        for variable, gradient in zip((first, second), tape.gradient(loss, (first, second)), strict=True):
            variable.assign_sub(0.001 * gradient)
        return loss

    return Made(step, lambda loss: loss.numpy())


def _jax() -> Made:
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.normal(size=(256, width)), jnp.float32) for width in (256, 10))
    weights = [jnp.asarray(0.1 * rng.normal(size=(256, width)), jnp.float32) for width in (256, 10)]

    @jax.jit
    def trained(weights: list[Any]) -> tuple[list[Any], Any]:
        def mean_squared(weights: list[Any]) -> Any:
            return jnp.mean((jnp.tanh(x @ weights[0]) @ weights[1] - y) ** 2)

        loss, gradients = jax.value_and_grad(mean_squared)(weights)
        return [weight - 0.001 * gradient for weight, gradient in zip(weights, gradients, strict=True)], loss

    def step() -> Any:
        nonlocal weights
        weights, loss = trained(weights)
        return loss

    return Made(step, jax.block_until_ready)


def _torch() -> Made:
    import torch

    torch.manual_seed(0)
    layers = (torch.nn.Linear(128, 128), torch.nn.Tanh(), torch.nn.Linear(128, 10))
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    x, y = torch.randn(64, 128), torch.randn(64, 10)

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Made(step, _at_once)


def _copy() -> Made:
    import numpy as np

    source, target = (np.full(2**22, value, np.float64) for value in (1.0, 0.0))  # 32 MiB each
    return Made(lambda: np.copyto(target, source), _at_once)


def _short() -> Made:
    """About 20 microseconds."""
    return Made(lambda: sum(range(1500)), _at_once)


KINDS = {
    "numpy_1kB": Kind(functools.partial(_temporaries, 250, 300), ("numpy",)),
    "numpy_64kB": Kind(functools.partial(_temporaries, 16_000, 50), ("numpy",)),
    "numpy_240kB": Kind(functools.partial(_temporaries, 60_000, 20), ("numpy",)),
    "numpy_4MB": Kind(functools.partial(_temporaries, 1_000_000, 2), ("numpy",)),
    "blas": Kind(_blas, ("numpy",)),
    "objects": Kind(_objects),
    "tensorflow": Kind(_tensorflow, ("tensorflow",)),
    "jax": Kind(_jax, ("jax",)),
    "torch": Kind(_torch, ("torch",)),
    "copy": Kind(_copy, ("numpy",)),
    "short": Kind(_short),
}
