"""Training by momentum SGD: the loss, its gradients and the update of the weights, over all devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding

from pytest_accel.frameworks.jax import resnet
from pytest_accel.frameworks.jax.resnet import Network, Tree
from pytest_accel.frameworks.xla.mesh import DEVICES, REPLICATED, SHARDED


@dataclass(frozen=True)
class Hyperparameters:
    """The options of training, by their names in the literature."""

    num_classes: int
    momentum: float
    weight_decay: float
    label_smoothing: float


class LossScale(NamedTuple):
    """A factor on the loss that keeps gradients inside the range of float16.

    It is halved when a gradient overflows (that step leaves the weights alone) and doubled after 2000 steps
    in which none did: Micikevicius et al., "Mixed Precision Training" (2018), section 3.2, with the constants
    of ``keras.mixed_precision.LossScaleOptimizer``.
    """

    value: jax.Array
    good_steps: jax.Array


DETERMINISTIC = {"xla_gpu_deterministic_ops": True}
"""Leaves out operations that add in any order, and the choice of operations by their time."""

INITIAL_LOSS_SCALE = 2.0**15
GROWTH_STEPS = 2000


class State(NamedTuple):
    """All that a step changes.

    ``statistics`` have a first axis over the devices, since each keeps those of its own share of the batch.
    ``loss_scale`` is None where the loss is not scaled.
    """

    parameters: Tree
    momentum_buffers: Tree
    statistics: Tree
    loss_scale: LossScale | None


STATE_SPECS = State(REPLICATED, REPLICATED, SHARDED, REPLICATED)
"""Where each part of the state is."""


def initial_state(network: Network, devices: int, *, scaled: bool) -> State:
    """The state before the first step, on the host."""
    return State(
        network.parameters,
        jax.tree.map(np.zeros_like, network.parameters),
        jax.tree.map(lambda value: np.stack([value] * devices), network.statistics),
        LossScale(np.float32(INITIAL_LOSS_SCALE), np.int32(0)) if scaled else None,
    )


def step(
    recipe: Hyperparameters, state: State, learning_rate: jax.Array, images: jax.Array, labels: jax.Array
) -> tuple[State, jax.Array]:
    """One device's share of a step. Gives the new state and the mean loss over the global batch before it.

    ``images`` are ``[batch, height, width, 3]`` in the type that the model computes in, ``labels`` are
    ``[batch]`` class numbers.
    """
    scale = jnp.float32(1) if state.loss_scale is None else state.loss_scale.value
    own_statistics = jax.tree.map(lambda value: value[0], state.statistics)

    def scaled_loss(parameters: Tree) -> tuple[jax.Array, tuple[jax.Array, Tree]]:
        value, after = loss(recipe, Network(parameters, own_statistics), images, labels)
        return value * scale, (value, after)

    gradients, (value, after) = jax.grad(scaled_loss, has_aux=True)(state.parameters)
    gradients, value = lax.pmean((gradients, value), DEVICES)
    parameters, momentum_buffers = _updated(
        recipe, state, learning_rate, jax.tree.map(lambda g: g / scale, gradients)
    )
    loss_scale = state.loss_scale
    if loss_scale is not None:
        finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients)]).all()
        parameters, momentum_buffers = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old),
            (parameters, momentum_buffers),
            (state.parameters, state.momentum_buffers),
        )
        loss_scale = adjusted(loss_scale, finite)
    statistics = jax.tree.map(lambda value: value[None], after)
    return State(parameters, momentum_buffers, statistics, loss_scale), value


def loss(
    recipe: Hyperparameters, network: Network, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, Tree]:
    """Mean cross entropy of this device's batch with the L2 decay of the kernels, and the new statistics.

    Label smoothing spreads that part of a target evenly over all classes (Szegedy et al., "Rethinking
    the Inception Architecture", 2015, section 7).
    """
    scores, after = resnet.logits(network, images, training=True)
    spread = recipe.label_smoothing / recipe.num_classes
    targets = jax.nn.one_hot(labels, recipe.num_classes) * (1 - recipe.label_smoothing) + spread
    entropy = -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(scores), axis=-1))
    decay = sum(jnp.sum(jnp.square(kernel)) for kernel in resnet.kernels(network.parameters)) / 2
    return entropy + recipe.weight_decay * decay, after


def data_parallel_step(
    mesh: Mesh, recipe: Hyperparameters, *, deterministic: bool = False
) -> jax.stages.Wrapped:
    """The step over all devices of ``mesh`` as one program, which takes the state's place in memory.

    ``deterministic``: the same inputs give the same bits every time. A GPU pays for that with speed, CPUs and
    TPUs do so anyway.
    """

    def share(state: State, rate: jax.Array, images: jax.Array, labels: jax.Array) -> tuple[State, jax.Array]:
        return step(recipe, state, rate, images, labels)

    # Without check_vma gradients stay those of the device until pmean takes their mean, in float32.
    shared = jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(STATE_SPECS, REPLICATED, SHARDED, SHARDED),
        out_specs=(STATE_SPECS, REPLICATED),
        check_vma=False,
    )
    return jax.jit(shared, donate_argnums=0, compiler_options=DETERMINISTIC if deterministic else None)


def shard_state(mesh: Mesh, state: State) -> State:
    """The state on the devices, each part where it belongs."""
    return State(
        *(
            jax.device_put(part, NamedSharding(mesh, place))
            for part, place in zip(state, STATE_SPECS, strict=True)
        )
    )


def _updated(recipe: Hyperparameters, state: State, rate: jax.Array, gradients: Tree) -> tuple[Tree, Tree]:
    momentum_buffers = jax.tree.map(lambda m, g: recipe.momentum * m + g, state.momentum_buffers, gradients)
    return jax.tree.map(lambda p, m: p - rate * m, state.parameters, momentum_buffers), momentum_buffers


def adjusted(before: LossScale, finite: jax.Array) -> LossScale:
    """After a step; ``finite`` is a boolean scalar, whether all its gradients were."""
    good_steps = jnp.where(finite, before.good_steps + 1, 0)
    factor = jnp.where(finite, jnp.where(good_steps == GROWTH_STEPS, 2.0, 1.0), 0.5)
    return LossScale(jnp.maximum(1.0, before.value * factor), good_steps % GROWTH_STEPS)
