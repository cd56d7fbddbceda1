"""ResNet-50 in JAX: real steps at a small size, on the CPU, beside those of TensorFlow."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from support.shallow_resnet import SHALLOW, shallow

from pytest_accel import frameworks
from pytest_accel.api.workloads import PRECISIONS, workload
from pytest_accel.records import Kind, Workload

pytestmark = [pytest.mark.slow, pytest.mark.jax, pytest.mark.tensorflow]

jax = pytest.importorskip("jax")

LEARNING_RATE = 0.05


@pytest.fixture(scope="module")
def framework():
    loaded = frameworks.load("jax")
    loaded.start(Kind.CPU)
    return loaded


@pytest.fixture
def shallow_network():
    yield from shallow("pytest_accel.frameworks.jax.resnet")


def small(framework="jax", **parameters):
    defaults = {"global_batch": 4, "image_size": 32, "num_classes": 10, "learning_rate": 0.02}
    return workload("resnet50", framework=framework, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def trainer_of(framework):
    from pytest_accel.frameworks.jax import devices, image_classification

    def trainer_of(**parameters):
        """A trainer, with the batch that a throughput benchmark gives it as ``batch``."""
        spec = small(**parameters)
        trainer = image_classification.Trainer(spec, devices.mesh())
        trainer.batch = image_classification.synthetic_batch(spec, trainer.mesh)
        return trainer

    return trainer_of


def convolutions(tree):
    """Those of a network's parameters, momenta or statistics in the order of TensorFlow's network."""
    names = ("reduce", "spatial", "expand", "project")
    return [tree["stem"], *(block[name] for block in tree["blocks"] for name in names if name in block)]


def trainable(tree):
    norms = [layer[name] for layer in convolutions(tree) for name in ("gamma", "beta")]
    kernels = [layer["kernel"] for layer in convolutions(tree)]
    return [*kernels, tree["classifier"]["kernel"], *norms, tree["classifier"]["bias"]]


# The same training as in TensorFlow


@pytest.fixture(scope="module")
def beside_tensorflow(framework, trainer_of):
    """Three steps of both on one batch: losses, and the variables at the start and after two steps."""
    import tensorflow as tf

    frameworks.load("tensorflow").start(Kind.CPU)
    from pytest_accel.frameworks.tensorflow import image_classification

    size = {"global_batch": 8, "image_size": 64, "learning_rate": LEARNING_RATE, "weight_decay": 1e-3}
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 64, 64, 3)).astype(np.float32)
    labels = rng.integers(10, size=8).astype(np.int32)
    theirs = image_classification.trainer(small("tensorflow", **size), replicas=1)
    their_step = tf.function(lambda: theirs.step(tf.constant(images), tf.constant(labels)), autograph=False)
    ours = trainer_of(**size)

    def variables():
        state = ours.state
        moving = [layer[name][0] for layer in convolutions(state.statistics) for name in ("mean", "variance")]
        of_jax = {
            "weights": trainable(state.parameters),
            "momenta": trainable(state.momentum_buffers),
            "moving statistics": moving,
        }
        of_tensorflow = {
            "weights": theirs.variables,
            "momenta": theirs.momentum_buffers,
            "moving statistics": theirs.model.moving_statistics,
        }
        return {
            what: [(np.array(a), b.numpy()) for a, b in zip(of_jax[what], of_tensorflow[what], strict=True)]
            for what in of_jax
        }

    seen = {"losses": [], "start": variables()}
    for step in range(3):
        loss = ours.step(np.float32(LEARNING_RATE), images, labels)
        seen["losses"].append((float(loss), float(their_step())))
        if step == 1:
            seen["after two steps"] = variables()
    return seen


def test_the_first_weights_are_tensorflows(beside_tensorflow):
    for pairs in beside_tensorflow["start"].values():
        assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_the_losses_are_tensorflows(beside_tensorflow):
    """Of the first step, and of the third, which depends on all that the two before have changed."""
    ours, theirs = zip(*beside_tensorflow["losses"], strict=True)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert abs(ours[2] - ours[0]) > 0.5


@pytest.mark.parametrize("what", ["weights", "momenta", "moving statistics"])
def test_two_steps_change_variables_as_tensorflow_does(beside_tensorflow, what):
    """But for rounding, which a ReLU near 0 makes larger: a gradient passes in one, not in the other."""
    changed = 0
    start, after = (beside_tensorflow[when][what] for when in ("start", "after two steps"))
    for number, ((ours, theirs), (before, _)) in enumerate(zip(after, start, strict=True)):
        change = theirs - before
        size = np.linalg.norm(change)
        rounding = np.finfo(np.float32).eps * np.linalg.norm(theirs)
        assert np.linalg.norm(ours - theirs) <= 0.01 * size + rounding, number
        changed += bool(size > 100 * rounding)
    assert changed > len(after) / 2


# Training


def test_it_has_the_parameters_of_resnet50():
    from pytest_accel.frameworks.jax import resnet

    network = resnet.initial(1000, np.random.default_rng(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(network.parameters)) == 25_557_032
    assert len(resnet.kernels(network.parameters)) == 54


def learned(program):
    losses = [program.wait(program.step()) for _ in range(20)]
    return all(math.isfinite(loss) for loss in losses) and min(losses[10:]) < losses[0] / 2


def test_real_steps_learn_their_batch(framework):
    program = framework.build(small(weight_decay=0, label_smoothing=0))
    assert learned(program)
    assert program.peak_memory_bytes() > 100e6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_steps_in_any_precision_learn_their_batch(framework, shallow_network, precision):
    assert learned(framework.build(small(precision=precision, weight_decay=0, label_smoothing=0)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_variables_are_float32_and_images_are_in_the_type_of_the_computation(trainer_of, precision):
    trainer = trainer_of(precision=precision)
    state = trainer.state
    leaves = jax.tree.leaves([state.parameters, state.momentum_buffers, state.statistics])
    assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
    assert trainer.batch[0].dtype.name == precision.removeprefix("mixed_")


def test_data_and_weights_are_the_same_every_time(trainer_of):
    one, two = trainer_of(), trainer_of()
    for ours, theirs in zip(
        jax.tree.leaves([one.state, one.batch]), jax.tree.leaves([two.state, two.batch]), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_a_float16_step_that_overflows_leaves_the_weights_and_training_recovers(trainer_of, shallow_network):
    from pytest_accel.frameworks.jax import training

    trainer = trainer_of(precision="mixed_float16")

    def with_scale(value):
        scale = training.LossScale(np.float32(value), np.int32(0))
        trainer.state = training.shard_state(trainer.mesh, trainer.state._replace(loss_scale=scale))

    def weights():
        return jax.tree.map(np.array, [trainer.state.parameters, trainer.state.momentum_buffers])

    with_scale(2.0**40)
    before = weights()
    assert math.isfinite(float(trainer.step(np.float32(0.02), *trainer.batch)))
    assert jax.tree.all(jax.tree.map(np.array_equal, before, weights()))
    assert float(trainer.state.loss_scale.value) == 2.0**39

    with_scale(2.0**7)
    assert math.isfinite(float(trainer.step(np.float32(0.02), *trainer.batch)))
    assert not np.array_equal(before[0]["stem"]["kernel"], weights()[0]["stem"]["kernel"])
    assert float(trainer.state.loss_scale.value) == 2.0**7
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights()))


def test_the_loss_scale_doubles_after_2000_good_steps_and_stays_at_least_1(framework):
    from pytest_accel.frameworks.jax.training import LossScale, adjusted

    scale, seen = LossScale(np.float32(2.0**15), np.int32(1998)), []
    for finite in (True, True, True, False):
        scale = adjusted(scale, np.bool_(finite))
        seen.append((float(scale.value), int(scale.good_steps)))
    assert seen == [(2.0**15, 1999), (2.0**16, 0), (2.0**16, 1), (2.0**15, 0)]
    assert float(adjusted(LossScale(np.float32(1), np.int32(0)), np.bool_(False)).value) == 1.0


TWO_DEVICES = (
    SHALLOW
    + """
import json

import jax
import numpy as np
from jax.sharding import Mesh

from pytest_accel import frameworks
from pytest_accel.records import Kind
from pytest_accel.api.workloads import workload

framework = frameworks.load("jax")
framework.start(Kind.CPU, 2)
from pytest_accel.frameworks.jax import convergence, devices, resnet
from pytest_accel.frameworks.jax.datasets import Dataset
from pytest_accel.frameworks.xla.mesh import DEVICES

RATE = np.float32(0.1)
rng = np.random.default_rng(0)
left, right = rng.normal(size=(2, 4, 32, 32, 3)).astype(np.float32)
labels = np.array([3, 1, 4, 1], np.int32)
one, two = Mesh(np.array(jax.devices()[:1]), (DEVICES,)), devices.mesh()

def spec(batch):
    return workload("resnet50", framework="jax", global_batch=batch, image_size=32, num_classes=10)

programs = {mesh: convergence.TrainState(spec(4 * mesh.size), 0, mesh) for mesh in (one, two)}
start = programs[one].state(), programs[two].state()

def stepped(mesh, *images):
    # Loss, and parameters and statistics after one step.
    learner = programs[mesh]
    learner.set_state(start[mesh is two])
    loss = learner.step(RATE, np.concatenate(images), np.tile(labels, len(images)))
    parameters = np.concatenate([variable.value.ravel() for variable in learner.variables()])
    return float(loss), parameters, jax.tree.map(np.array, learner.trainer.state.statistics)

def close(a, b):
    return bool(np.allclose(a, b, rtol=1e-4, atol=1e-5))

loss_left, left_only, statistics_left = stepped(one, left)
loss_right, right_only, statistics_right = stepped(one, right)
loss_twice, twice, _ = stepped(two, left, left)
loss_both, both, statistics_both = stepped(two, left, right)

network = resnet.Network(
    jax.tree.map(np.array, programs[two].trainer.state.parameters),
    jax.tree.map(lambda value: value.mean(0), statistics_both),
)
images, held_out = rng.normal(size=(8, 32, 32, 3)).astype(np.float32), np.arange(8, dtype=np.int32)
held_out[-1] = -1
batches = Dataset(name="", train_examples=8, evaluation_examples=7, steps_per_epoch=1, mesh=two,
                  train=lambda epoch: [(images, held_out)], evaluation=lambda: [(images, held_out)])
(placed,) = batches.evaluation_batches()

print(json.dumps({
    "devices": two.size,
    "losses": [loss_left, loss_right, loss_twice, loss_both],
    "twice": close(twice, left_only),
    "mean": close(both, (left_only + right_only) / 2),
    "halves differ": not close(left_only, right_only),
    "statistics": jax.tree.all(jax.tree.map(
        lambda both, left, right: close(both, np.concatenate([left, right])),
        statistics_both, statistics_left, statistics_right)),
    "evaluation": [int(count) for count in programs[two].count_correct(*placed)],
    "expected": [int(count) for count in convergence.count_correct(network, images, held_out)],
    "shares": sorted(shard.data.shape for shard in placed[0].addressable_shards),
}))
try:
    framework.build(spec(3))
except ValueError as error:
    print(error)
"""
)


def test_devices_share_the_global_batch():
    """Two CPU devices stand in for two GPUs. Shows the arithmetic, not NCCL and not a TPU."""
    ran = subprocess.run([sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True, check=True)
    printed, error = ran.stdout.splitlines()
    seen = json.loads(printed)
    assert seen["devices"] == 2
    left, right, twice, both = seen["losses"]
    assert twice == pytest.approx(left, rel=1e-5)
    assert both == pytest.approx((left + right) / 2, rel=1e-5)
    assert seen["twice"], "both halves the same: one device on a half comes to the same weights"
    assert seen["halves differ"]
    assert seen["mean"], "the step is that of the mean gradient"
    assert seen["statistics"], "each device keeps those of its own half"
    assert seen["evaluation"] == seen["expected"], "by the mean of the devices' statistics"
    assert seen["evaluation"][2] == 7
    assert seen["shares"] == [[4, 32, 32, 3]] * 2
    assert error == "A global batch of 3 does not divide by 2 devices: take a multiple of 2."


# The framework


def test_provenance_gives_the_versions_that_are_known(framework):
    versions = framework.provenance()
    assert versions["jax"] == jax.__version__
    assert versions["numpy"] == np.__version__
    assert versions.keys() <= {"jax", "jaxlib", "jax-backend", "numpy"}
    assert all("\n" not in version for version in versions.values())


def test_starting_on_the_cpu_twice_is_harmless(framework):
    framework.start(Kind.CPU)
    from pytest_accel.frameworks.jax.devices import kind_in_use

    assert kind_in_use() is Kind.CPU


@pytest.mark.parametrize("kind", [Kind.GPU, Kind.TPU])
def test_an_accelerator_that_jax_does_not_see_is_an_error(framework, kind):
    with pytest.raises(
        RuntimeError, match=rf"sees no {kind.upper()}, only cpu\. .*pytest-accel\[jax-{kind}\].*--accel=cpu"
    ):
        framework.start(kind)


def test_a_workload_that_jax_does_not_have_is_an_error(framework):
    with pytest.raises(ValueError, match="JAX has no workload 'bert', only: resnet50"):
        framework.build(Workload("bert", "jax", 8))


def test_jax_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "pytest_accel.frameworks.jax", raising=False)
    monkeypatch.setitem(sys.modules, "jax", None)  # How Python notes that an import is forbidden.
    with pytest.raises(
        RuntimeError,
        match=r'jax is not installed.*pip install "pytest-accel\[jax\]".*\[jax-gpu\] or \[jax-tpu\]',
    ):
        frameworks.load("jax")
