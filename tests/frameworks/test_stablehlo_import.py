"""Programs of TensorFlow that JAX takes over: what they compute stays the same.

JAX's ``Exported`` is opened for this, and TensorFlow's StableHLO is read by a parser of others: where a new
version of either moves something, it shows here.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.shallow_resnet import SHALLOW

pytestmark = [pytest.mark.slow, pytest.mark.jax, pytest.mark.tensorflow]


RESNET = """
import jax
import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import image_classification, stablehlo
from pytest_accel.frameworks.xla import stablehlo_import
from pytest_accel.api.workloads import workload

small = {"global_batch": 4, "image_size": 32, "num_classes": 10, "precision": PRECISION}
spec = workload("resnet50", framework="tensorflow", **small)
trainer = image_classification.trainer(spec, replicas=1)
dtype = image_classification.compute_type(spec)
module = stablehlo.module(trainer.step, tf.TensorSpec([4, 32, 32, 3], dtype), tf.TensorSpec([4], tf.int64))
step = stablehlo_import.function(module.text, ["cpu"])

state = [*trainer.variables, *trainer.momentum_buffers, *trainer.model.moving_statistics]
if trainer.loss_scale is not None:
    state += [trainer.loss_scale.value, trainer.loss_scale.good_steps]
variables = {variable.handle.ref(): variable for variable in state}
assert set(module.updated) == set(module.variables) == set(variables)
images = np.random.default_rng(0).standard_normal((4, 32, 32, 3), np.float32)
images = tf.cast(images, dtype).numpy()
labels = np.arange(4)
before = [variables[one].numpy() for one in module.variables]
loss, *after = jax.jit(step.call)(images, labels, *before)
expected = trainer.step(tf.constant(images), tf.constant(labels))
np.testing.assert_allclose(loss, expected, rtol=TOLERANCE)
for one, value in zip(module.updated, after, strict=True):
    np.testing.assert_allclose(value, variables[one].numpy(), rtol=100 * TOLERANCE, atol=10 * TOLERANCE)
print("equal")
"""


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("mixed_float16", 0.005)])
def test_a_step_of_tensorflow_computes_the_same_in_jax(precision, tolerance):
    """In bfloat16 too few digits are left to compare the gradients of a network that knows nothing yet.

    The whole network takes minutes in float16 on a CPU.
    """
    network = "" if precision == "float32" else SHALLOW
    script = network + RESNET.replace("PRECISION", repr(precision)).replace("TOLERANCE", str(tolerance))
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "equal\n", ran.stderr[-2000:]


def test_a_text_that_is_no_program_is_refused():
    from pytest_accel.frameworks.xla import stablehlo_import

    with pytest.raises(ValueError, match=r"no StableHLO that JAX .* can read"):
        stablehlo_import.function("module { what }", ["cpu"])


def test_a_step_that_reaches_for_a_tensor_outside_is_told():
    import tensorflow as tf

    from pytest_accel.frameworks.tensorflow import stablehlo

    outside = tf.constant([1.0, 2.0])
    with pytest.raises(
        TypeError, match="uses a tensor from outside of it: hand it over with state= or batch="
    ):
        stablehlo.module(lambda x: x * outside, tf.TensorSpec([2], tf.float32))


def test_a_variable_has_no_functional_form():
    import tensorflow as tf

    from pytest_accel.frameworks.tensorflow import lowering

    with pytest.raises(
        TypeError, match=r"a tf.Variable in state= or batch= has no functional form: hand over"
    ):
        lowering.lower_step(lambda s: (s, 0), tf.Variable([1.0]), (), "v2-8", 8)
