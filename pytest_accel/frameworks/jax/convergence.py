"""Training to a target: the programs of JAX for a step and for the evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from pytest_accel.frameworks.common import training_loop
from pytest_accel.frameworks.common.datasets import PADDING_LABEL
from pytest_accel.frameworks.common.frozen_variables import Variable
from pytest_accel.frameworks.jax import devices, image_datasets, resnet
from pytest_accel.frameworks.jax import training as steps
from pytest_accel.frameworks.jax.image_classification import Trainer
from pytest_accel.frameworks.jax.resnet import Network, Tree
from pytest_accel.frameworks.xla.mesh import DEVICES, REPLICATED, SHARDED
from pytest_accel.records import DataSource, Training, Workload


def training(workload: Workload, seed: int, data: DataSource) -> Training:
    """The workload with its dataset, initialized with this seed. Raises ValueError and RuntimeError."""
    mesh = devices.mesh()
    dataset = image_datasets.dataset(workload, seed, data, mesh)
    return training_loop.training(workload, dataset, TrainState(workload, seed, mesh))


class TrainState:
    """A network in training: :class:`training_loop.TrainState` in JAX."""

    def __init__(self, workload: Workload, seed: int, mesh: Mesh) -> None:
        self.trainer = Trainer(workload, mesh, seed)
        self._right = _count_correct_over(mesh)

    def step(self, rate: float, images: jax.Array, labels: jax.Array) -> jax.Array:
        return self.trainer.step(np.float32(rate), images, labels)

    def count_correct(self, images: jax.Array, labels: jax.Array) -> Sequence[jax.Array]:
        state = self.trainer.state
        counts: Sequence[jax.Array] = self._right(state.parameters, state.statistics, images, labels)
        return counts

    def variables(self) -> list[Variable]:
        state = self.trainer.state
        leaves = jax.tree_util.tree_leaves_with_path(state.parameters)
        return [
            Variable(
                jax.tree_util.keystr(path, simple=True, separator="."),
                np.asarray(value),
                np.asarray(momentum),
            )
            for (path, value), momentum in zip(leaves, jax.tree.leaves(state.momentum_buffers), strict=True)
        ]

    def state(self) -> list[np.ndarray]:
        # Copies, since a step takes the place of the arrays in memory.
        return [np.array(_whole(leaf)) for leaf in jax.tree.leaves(self.trainer.state)]

    def set_state(self, state: Sequence[np.ndarray]) -> None:
        structure = jax.tree.structure(self.trainer.state)
        self.trainer.state = steps.shard_state(self.trainer.mesh, jax.tree.unflatten(structure, state))


def _whole(leaf: jax.Array) -> np.ndarray:
    """An array with what only other hosts have of it."""
    if leaf.is_fully_addressable or leaf.is_fully_replicated:
        return np.asarray(leaf)
    whole: np.ndarray = multihost_utils.process_allgather(leaf, tiled=True)
    return whole


def count_correct(
    network: Network, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """How many are right at the first guess, how many among the first five, and how many there are.

    As ``tf.math.in_top_k`` has it: equal scores share the better place, and scores that are NaN are
    wrong.
    """
    scores, _ = resnet.logits(network, images, training=False)
    real = (labels != PADDING_LABEL) & jnp.isfinite(scores).all(axis=1)
    own = jnp.take_along_axis(scores, jnp.maximum(labels, 0)[:, None], axis=1)
    better = jnp.sum(scores > own, axis=1)
    return jnp.sum(real & (better < 1)), jnp.sum(real & (better < 5)), jnp.sum(labels != PADDING_LABEL)


def _count_correct_over(mesh: Mesh) -> jax.stages.Wrapped:
    """The evaluation over all devices of ``mesh``, with the mean of their moving statistics."""

    def share(
        parameters: Tree, statistics: Tree, images: jax.Array, labels: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        mean = lax.pmean(jax.tree.map(lambda value: value[0], statistics), DEVICES)
        counts: tuple[jax.Array, jax.Array, jax.Array] = lax.psum(
            count_correct(Network(parameters, mean), images, labels), DEVICES
        )
        return counts

    places = (REPLICATED, SHARDED, SHARDED, SHARDED)
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=places, out_specs=REPLICATED, check_vma=False))
