"""Data-parallel training: N devices compute what one does that normalizes in N groups (ghost batch norm).

The devices are logical ones of the CPU: what is tested is how a batch is split and its gradients are put
together, not the speed.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.shallow_resnet import SHALLOW

pytestmark = [pytest.mark.slow, pytest.mark.jax, pytest.mark.tensorflow]

WORK = (
    SHALLOW
    + """
import numpy as np

from pytest_accel import frameworks
from pytest_accel.records import Kind
from pytest_accel.api.workloads import workload

DEVICES, STEPS = 4, 3  # a fourth step multiplies differences of rounding by a hundred
size = {"global_batch": 16, "image_size": 32, "num_classes": 10}
small = {**size, "precision": PRECISION, "learning_rate": 0.02}
framework = frameworks.load(FRAMEWORK)
framework.start(Kind.CPU, DEVICES)
spec = workload("resnet50", framework=FRAMEWORK, **small)
images = np.random.default_rng(0).standard_normal((16, 32, 32, 3), np.float32)
labels = np.arange(16) % 10
"""
)

TENSORFLOW = """
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import devices, image_classification

spread = devices.strategy()
assert spread.num_replicas_in_sync == DEVICES
images = tf.cast(images, image_classification.compute_type(spec))
shares = [*zip(tf.split(images, DEVICES), tf.split(tf.constant(labels), DEVICES))]

with spread.scope():
    trainer = image_classification.trainer(spec, DEVICES)
batch = [
    spread.experimental_distribute_values_from_function(
        lambda context, part=part: shares[context.replica_id_in_sync_group][part]
    )
    for part in (0, 1)
]
step = image_classification.compiled(trainer, spread)
several = [float(step(*batch)) for _ in range(STEPS)]

alone = image_classification.trainer(spec, DEVICES)
gradients = tf.function(alone.gradients)

def whole():
    found = [gradients(*share) for share in shares]
    alone.apply([tf.add_n(parts) for parts in zip(*(of_weights for _, of_weights in found))])
    return float(sum(loss for loss, _ in found))

one = [whole() for _ in range(STEPS)]
weights = [(trainer.variables, alone.variables)]
if trainer.loss_scale is not None:
    assert float(trainer.loss_scale.value.read_value()) == float(alone.loss_scale.value)
    assert int(trainer.loss_scale.good_steps.read_value()) == int(alone.loss_scale.good_steps) > 0
"""

JAX = """
import jax
import jax.numpy as jnp

from pytest_accel.frameworks.jax import devices, image_classification, training
from pytest_accel.frameworks.xla.mesh import DEVICES as AXIS

mesh = devices.mesh()
assert mesh.size == DEVICES
images = jnp.asarray(images, image_classification.compute_type(spec))
trainer = image_classification.Trainer(spec, mesh)
rate = image_classification.learning_rate(spec, mesh)
several = [float(trainer.step(rate, images, labels)) for _ in range(STEPS)]

recipe = image_classification.recipe(spec)
state = image_classification.initial_state(spec, DEVICES)

@jax.jit
def whole(state, images, labels):
    groups = [value.reshape(DEVICES, -1, *value.shape[1:]) for value in (images, labels)]
    statistics = jax.tree.map(lambda value: value[:, None], state.statistics)
    scale = None if state.loss_scale is None else jax.tree.map(lambda _: None, state.loss_scale)
    places = training.State(None, None, 0, scale)
    grouped = jax.vmap(
        lambda *given: training.step(recipe, *given), in_axes=(places, None, 0, 0), axis_name=AXIS
    )
    after, loss = grouped(state._replace(statistics=statistics), jnp.float32(0.02), *groups)
    first = jax.tree.map(lambda value: value[0], after)
    return first._replace(statistics=jax.tree.map(lambda value: value[:, 0], after.statistics)), loss[0]

one = []
for _ in range(STEPS):
    state, loss = whole(state, images, labels)
    one.append(float(loss))
if state.loss_scale is not None:
    assert float(trainer.state.loss_scale.value) == float(state.loss_scale.value)
    assert int(trainer.state.loss_scale.good_steps) == int(state.loss_scale.good_steps) > 0
"""

COMPARED = """
np.testing.assert_allclose(several, one, rtol=TOLERANCE)
assert several[-1] < several[0]
print("equal")
"""

RESUMED = """
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import convergence, devices

tf.config.experimental.enable_op_determinism()
learner = convergence.TrainState(spec, seed=0)
(batch,) = devices.strategy().experimental_distribute_dataset(
    tf.data.Dataset.from_tensors((images, labels)).unbatch().batch(16)
)
learner.step(0.02, *batch)
before = learner.state()
once = float(learner.step(0.02, *batch)), learner.state()
learner.set_state(before)
again = float(learner.step(0.02, *batch)), learner.state()
moving = learner.trainer.model.moving_statistics[0]
assert len({own.numpy().tobytes() for own in moving.values}) == DEVICES
assert once[0] == again[0]
for one, other in zip(once[1], again[1], strict=True):
    np.testing.assert_array_equal(one, other)
print("equal")
"""


def test_training_on_several_devices_goes_on_with_the_statistics_of_each():
    script = (WORK + RESUMED).replace("PRECISION", "'float32'").replace("FRAMEWORK", "'tensorflow'")
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "equal\n", ran.stderr[-2000:]


FORMS = {"tensorflow": TENSORFLOW, "jax": JAX}


@pytest.mark.parametrize("framework", FORMS)
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2e-4), ("mixed_float16", 5e-3)])
def test_several_devices_learn_as_one_with_ghost_batch_norm(framework, precision, tolerance):
    pytest.importorskip(framework)
    script = (WORK + FORMS[framework] + COMPARED).replace("PRECISION", repr(precision))
    script = script.replace("FRAMEWORK", repr(framework)).replace("TOLERANCE", str(tolerance))
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "equal\n", ran.stderr[-2000:]
