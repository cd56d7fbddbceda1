"""Workloads that train a network on images: the network and its data, ready to train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from pytest_accel.frameworks.jax import resnet, training
from pytest_accel.frameworks.jax.training import SAME, SPLIT, Recipe, State
from pytest_accel.records import Workload

COMPUTE_TYPES = {"float32": jnp.float32, "mixed_bfloat16": jnp.bfloat16, "mixed_float16": jnp.float16}
SEED = 0


def recipe(workload: Workload) -> Recipe:
    parameters: dict[str, Any] = dict(workload.parameters)
    names = ("num_classes", "momentum", "weight_decay", "label_smoothing")
    return Recipe(**{name: parameters[name] for name in names})


def initial_state(workload: Workload, devices: int, seed: int = SEED) -> State:
    """Of the network drawn by this seed, on the host.

    Raises ValueError if the global batch does not divide by the devices.
    """
    if workload.examples_per_step % devices:
        raise ValueError(
            f"A global batch of {workload.examples_per_step} does not divide by {devices} devices: "
            f"take a multiple of {devices}."
        )
    classes = workload.parameters["num_classes"]
    assert isinstance(classes, int)
    network = resnet.initial(classes, np.random.default_rng(seed))
    return training.initial_state(network, devices, scaled=compute_type(workload) == jnp.float16)


def compute_type(workload: Workload) -> Any:
    """What images and activations are in."""
    return COMPUTE_TYPES[str(workload.parameters["precision"])]


def synthetic_steps(workload: Workload, mesh: Mesh) -> Callable[[], jax.Array]:
    """One step after the other on the same made-up batch; each gives the mean loss over the global batch."""
    state = training.placed(mesh, initial_state(workload, mesh.size))
    images, labels = synthetic_batch(workload, mesh)
    rate = jax.device_put(np.float32(workload.parameters["learning_rate"]), NamedSharding(mesh, SAME))
    step = training.over(mesh, recipe(workload))

    def next_step() -> jax.Array:
        nonlocal state
        state, loss = step(state, rate, images, labels)
        return loss

    return next_step


def synthetic_batch(workload: Workload, mesh: Mesh) -> tuple[jax.Array, jax.Array]:
    """Images of standard normal noise with random labels, on the devices; the same ones every time."""
    parameters: dict[str, Any] = dict(workload.parameters)
    batch, size = workload.examples_per_step, parameters["image_size"]

    def draw() -> tuple[jax.Array, jax.Array]:
        key = jax.random.key(SEED)
        images = jax.random.normal(key, (batch, size, size, 3), compute_type(workload))
        return images, jax.random.randint(key, (batch,), 0, parameters["num_classes"])

    place = NamedSharding(mesh, SPLIT)
    return jax.jit(draw, out_shardings=(place, place))()
