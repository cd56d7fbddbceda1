"""TensorFlow's steps, made ready to be compiled for a TPU slice that need not be here, by way of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pytest_accel.frameworks.tensorflow import image_classification, stablehlo
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Lowered, Workload


def lower(workload: Workload, topology: str) -> Lowered:
    """The step of a shipped workload as ``tf.distribute.TPUStrategy`` runs it: a replica on each device.

    Gradients are summed over the devices between two programs of TensorFlow's own, one that computes them on
    a share of the batch and one that updates the weights. Batch statistics stay those of the replica. Raises
    ValueError for a batch that does not divide by the devices, RuntimeError where JAX or libtpu is missing.
    """
    jax_side = _jax_side()
    target = slice_named(topology)
    replicas = target.devices
    trainer = image_classification.trainer(workload, replicas)
    parameters: dict[str, Any] = dict(workload.parameters)
    share, size = workload.examples_per_step // replicas, parameters["image_size"]
    batch = (
        tf.TensorSpec([share, size, size, 3], image_classification.compute_type(workload)),
        tf.TensorSpec([share], tf.int64),
    )
    first = stablehlo.module(trainer.gradients, *batch)
    second = stablehlo.module(
        lambda *gradients: trainer.apply(gradients),
        *(tf.TensorSpec(variable.shape, variable.dtype) for variable in trainer.variables),
    )
    local = {moving.handle.ref() for moving in trainer.model.moving_statistics}
    lowered: Lowered = jax_side.replicated(target, workload.examples_per_step, first, second, local)
    return lowered


def lower_step(
    step: Callable[..., Any], state: Any, batch: Sequence[Any], topology: str, examples_per_step: int
) -> Lowered:
    """``step(state, *batch) -> (state, aux)`` over all devices; see the same in ``frameworks.jax``.

    Raises TypeError also for what XLA cannot compile.
    """
    jax_side = _jax_side()
    given = (state, tuple(batch))
    leaves = [tf.TensorSpec.from_tensor(_tensor(leaf)) for leaf in tf.nest.flatten(given)]

    def flat(*tensors: tf.Tensor) -> Any:
        now, examples = tf.nest.pack_sequence_as(given, tensors)
        return step(now, *examples)

    traced = stablehlo.module(flat, *leaves)
    leaves_of_state = len(tf.nest.flatten(state))
    lowered: Lowered = jax_side.partitioned(slice_named(topology), examples_per_step, traced, leaves_of_state)
    return lowered


def _tensor(value: Any) -> tf.Tensor:
    if isinstance(value, tf.Variable):
        raise TypeError(
            "--accel-topology: a tf.Variable in state= or batch= has no functional form: hand over its "
            "value, a tensor"
        )
    return tf.convert_to_tensor(value)


def _jax_side() -> Any:
    """Imported late: TensorFlow on its own needs no JAX. Raises RuntimeError, which says what to install."""
    try:
        from pytest_accel.frameworks.jax import of_tensorflow
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise RuntimeError(
            "to compile TensorFlow's programs for --accel-topology takes JAX: pip install "
            '"pytest-accel[aot]"'
        ) from error
    return of_tensorflow
