"""Workloads that train a network on images: the network and its data, ready to train."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from pytest_accel.frameworks.jax import resnet, training
from pytest_accel.frameworks.jax.training import Hyperparameters, State
from pytest_accel.frameworks.xla.mesh import REPLICATED, SHARDED
from pytest_accel.records import Workload

COMPUTE_TYPES = {
    "float32": np.dtype(np.float32),
    "mixed_bfloat16": np.dtype(jnp.bfloat16),
    "mixed_float16": np.dtype(np.float16),
}
SEED = 0

STEPS_AHEAD = 2
"""The host begins no more steps before the first of these is done: each holds its batch in memory."""


class Trainer:
    """A network in training over all devices of ``mesh``, drawn by this seed.

    Raises ValueError if the global batch does not divide by the devices.
    """

    def __init__(self, workload: Workload, mesh: Mesh, seed: int = SEED) -> None:
        check_divides(workload, mesh.size)
        self.mesh = mesh
        self.state = training.shard_state(mesh, initial_state(workload, mesh.size, seed))
        self._step = training.data_parallel_step(
            mesh, recipe(workload), deterministic=bool(workload.parameters.get("deterministic"))
        )
        self._begun: deque[jax.Array] = deque()

    def step(self, rate: jax.Array | np.float32, images: jax.Array, labels: jax.Array) -> jax.Array:
        """Begin a step; the mean loss over the global batch before it."""
        if len(self._begun) == STEPS_AHEAD:
            self._begun.popleft().block_until_ready()
        self.state, loss = self._step(self.state, rate, images, labels)
        self._begun.append(loss)
        return loss


def recipe(workload: Workload) -> Hyperparameters:
    parameters: dict[str, Any] = dict(workload.parameters)
    names = ("num_classes", "momentum", "weight_decay", "label_smoothing")
    return Hyperparameters(**{name: parameters[name] for name in names})


def initial_state(workload: Workload, devices: int, seed: int = SEED) -> State:
    """Of the network drawn by this seed, on the host."""
    classes = workload.parameters["num_classes"]
    assert isinstance(classes, int)
    network = resnet.initial(classes, np.random.default_rng(seed))
    return training.initial_state(network, devices, scaled=compute_type(workload) == np.float16)


def check_divides(workload: Workload, devices: int) -> None:
    """Raises ValueError if the global batch does not divide by the devices."""
    if workload.examples_per_step % devices:
        raise ValueError(
            f"A global batch of {workload.examples_per_step} does not divide by {devices} devices: "
            f"take a multiple of {devices}."
        )


def compute_type(workload: Workload) -> np.dtype:
    """What images and activations are in."""
    dtype: np.dtype = COMPUTE_TYPES[str(workload.parameters["precision"])]
    return dtype


def learning_rate(workload: Workload, mesh: Mesh) -> jax.Array:
    """Return the learning rate of every step without a schedule, on the devices."""
    return jax.device_put(np.float32(workload.parameters["learning_rate"]), NamedSharding(mesh, REPLICATED))


def synthetic_steps(workload: Workload, mesh: Mesh) -> Callable[[], jax.Array]:
    """One step after the other on the same made-up batch; each gives the mean loss over the global batch."""
    trainer = Trainer(workload, mesh)
    images, labels = synthetic_batch(workload, mesh)
    rate = learning_rate(workload, mesh)
    return lambda: trainer.step(rate, images, labels)


def synthetic_batch(workload: Workload, mesh: Mesh) -> tuple[jax.Array, jax.Array]:
    """Images of standard normal noise with random labels, on the devices; the same ones every time."""
    parameters: dict[str, Any] = dict(workload.parameters)
    batch, size = workload.examples_per_step, parameters["image_size"]

    def draw() -> tuple[jax.Array, jax.Array]:
        key = jax.random.key(SEED)
        images = jax.random.normal(key, (batch, size, size, 3), compute_type(workload))
        return images, jax.random.randint(key, (batch,), 0, parameters["num_classes"])

    place = NamedSharding(mesh, SHARDED)
    batch_on_devices: tuple[jax.Array, jax.Array] = jax.jit(draw, out_shardings=(place, place))()
    return batch_on_devices
