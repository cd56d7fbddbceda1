"""TensorFlow's steps, made ready to be compiled for a TPU slice that need not be here, by way of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import image_classification, stablehlo
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Lowered, Workload


def lower(workload: Workload, topology: str) -> Lowered:
    """The step of a built-in workload as ``tf.distribute.TPUStrategy`` runs it: a replica on each device.

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
    leaves = tf.nest.flatten(given)
    arrays = [position for position, leaf in enumerate(leaves) if _is_array(leaf)]
    arrays_of_state = sum(map(_is_array, tf.nest.flatten(state)))

    def flat(*tensors: tf.Tensor) -> Any:
        """Numbers, None and the like stay what they are: parts of the program."""
        values = list(leaves)
        for position, tensor in zip(arrays, tensors, strict=True):
            values[position] = tensor
        now, examples = tf.nest.pack_sequence_as(given, values)
        after, aux = step(now, *examples)
        after_arrays = [leaf for leaf in tf.nest.flatten(after) if _is_array(leaf)]
        return after_arrays, [leaf for leaf in tf.nest.flatten(aux) if _is_array(leaf)]

    tensors = [tf.convert_to_tensor(leaves[position]) for position in arrays]
    traced = stablehlo.module(flat, *map(tf.TensorSpec.from_tensor, tensors))
    lowered: Lowered = jax_side.partitioned(slice_named(topology), examples_per_step, traced, arrays_of_state)
    return lowered


def _is_array(value: Any) -> bool:
    """Raises TypeError for a variable."""
    if isinstance(value, tf.Variable):
        raise TypeError(
            "--accel-topology: a tf.Variable in state= or batch= has no functional form: hand over its "
            "value, a tensor"
        )
    return tf.is_tensor(value) or isinstance(value, np.ndarray | np.generic)


def _jax_side() -> Any:
    """Imported late: TensorFlow on its own needs no JAX. Raises RuntimeError, which says what to install."""
    try:
        from pytest_accel.frameworks.xla import tensorflow_programs
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise RuntimeError(
            "to compile TensorFlow's programs for --accel-topology takes JAX: pip install "
            '"pytest-accel[aot]"'
        ) from error
    return tensorflow_programs
