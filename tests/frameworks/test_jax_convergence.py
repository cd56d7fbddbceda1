"""Training to a target in JAX: real training of ResNet-50 on a handful of images, on the CPU."""

from __future__ import annotations

import functools
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.shallow_resnet import SHALLOW, shallow

from pytest_accel import frameworks
from pytest_accel.api.workloads import training
from pytest_accel.records import Kind, TrainingPlan
from pytest_accel.worker.trainer import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.jax, pytest.mark.tensorflow]

pytest.importorskip("jax")

EPOCHS = 3


@pytest.fixture(scope="module", autouse=True)
def shallow_network():
    yield from shallow("pytest_accel.frameworks.jax.resnet")


@pytest.fixture(scope="module")
def jax_framework():
    """JAX, which compiles the programs of one workload once for all trainings here."""
    loaded = frameworks.load("jax")
    loaded.start(Kind.CPU)
    from pytest_accel.frameworks.jax import convergence
    from pytest_accel.frameworks.jax import training as steps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "data_parallel_step", functools.cache(steps.data_parallel_step))
        patch.setattr(convergence, "_count_correct_over", functools.cache(convergence._count_correct_over))
        yield loaded


def stripes():
    """Two classes of images that a person tells apart at once, noise added."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    labels = np.arange(26) % 2
    images = rng.normal(size=(26, 32, 32, 3)).astype(np.float32)
    images[labels == 1, ::2] += 2
    images[labels == 0, :, ::2] += 2
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.take(16), dataset.skip(16)


def spec(**parameters):
    defaults = {
        "dataset": stripes,
        "epochs": EPOCHS,
        "target": 0.5,
        "image_size": 32,
        "num_classes": 2,
        "warmup_epochs": 1,
        "learning_rate": 0.01,
        "global_batch": 4,
    }
    return training("resnet50", framework="jax", **{**defaults, **parameters})


@pytest.fixture
def begun(jax_framework):
    """``begun(seed)`` is training that has begun."""

    def begun(seed=0, checkpoints=None):
        plan = TrainingPlan(
            spec(), EPOCHS, 0.5, (0,), lambda number: jax_framework.train(spec(), number, stripes)
        )
        one = TrainingRun(plan, seed, checkpoints, software={"jax": "as it is here"})
        return one, one.begin()

    return begun


def numbers(epochs):
    return [(epoch.loss, epoch.top1, epoch.top5) for epoch in epochs]


@pytest.fixture(scope="module")
def uninterrupted(jax_framework):
    one = jax_framework.train(spec(), 0, stripes)
    one.compile()
    curve = [(one.train(epoch), *one.evaluate()) for epoch in range(EPOCHS)]
    return SimpleNamespace(training=one, curve=curve)


def test_it_learns_what_is_easy_to_learn(uninterrupted):
    losses, top1, top5 = zip(*uninterrupted.curve, strict=True)
    assert losses[-1] < losses[0]
    assert all(0 <= share <= 1 and round(10 * share, 9) % 1 == 0 for share in top1)
    assert top5 == (1, 1, 1), "there are but two classes"
    assert (uninterrupted.training.train_examples, uninterrupted.training.evaluation_examples) == (16, 10)


def test_every_variable_trains(uninterrupted):
    assert uninterrupted.training.frozen_variables() == ()


def test_training_that_goes_on_from_a_checkpoint_comes_to_the_same_to_the_last_bit(
    begun, uninterrupted, tmp_path
):
    for _ in range(EPOCHS):  # each process trains one epoch and is ended
        one, resumed = begun(checkpoints=tmp_path)
        epochs = [*resumed.epochs, one.epoch()]
    assert numbers(epochs) == uninterrupted.curve


def test_another_seed_gives_another_curve(begun, uninterrupted):
    one, _ = begun(seed=1)
    assert numbers([one.epoch()]) != uninterrupted.curve[:1]


def test_the_first_five_are_counted_as_tensorflow_counts_them(jax_framework, monkeypatch):
    import tensorflow as tf

    from pytest_accel.frameworks.jax import convergence as convergence
    from pytest_accel.frameworks.jax import resnet

    rng = np.random.default_rng(0)
    scores = rng.integers(4, size=(200, 10)).astype(np.float32)  # many are equal
    scores[:3, 2] = np.nan, np.inf, -np.inf
    labels = rng.integers(10, size=200).astype(np.int32)
    labels[-20:] = -1
    monkeypatch.setattr(resnet, "logits", lambda *given, training: (scores, None))
    first, five, count = convergence.count_correct(None, None, labels)
    expected = [
        int(tf.reduce_sum(tf.cast(tf.math.in_top_k(labels[:180], scores[:180], k), tf.int32))) for k in (1, 5)
    ]
    assert [int(first), int(five), int(count)] == [*expected, 180]


# Data


def test_a_dataset_of_your_own_gives_the_batches_that_tensorflow_trains_on(jax_framework):
    from pytest_accel.frameworks.jax import devices, image_datasets
    from pytest_accel.frameworks.tensorflow import image_datasets as of_tensorflow

    ours = image_datasets.dataset(spec(), 7, stripes, devices.mesh())
    theirs = of_tensorflow.dataset(spec(), 7, stripes)
    for read in (lambda one: one.training_batches(1), lambda one: one.evaluation_batches()):
        pairs = list(zip(read(ours), read(theirs), strict=True))
        assert pairs
        for one, other in pairs:
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_data_that_is_at_fault_is_named_as_by_tensorflow(jax_framework):
    for given, fault in [
        ({"num_classes": 9, "dataset": "digits"}, "has 10 classes: num_classes=9 is too few"),
        ({"dataset": "imagenet"}, 'dataset="imagenet" is not shipped: say where .* --accel-data=DIR'),
        (
            {"dataset": "digits", "num_classes": 10, "global_batch": 4096},
            "digits: a global batch of 4096 is larg",
        ),
    ]:
        with pytest.raises(ValueError, match=fault):
            jax_framework.train(spec(**given), 0, None)
    with pytest.raises(ValueError, match=r"stripes\(\) has elements of .* or another image_size"):
        jax_framework.train(spec(image_size=48), 0, stripes)


def test_a_label_out_of_range_is_named(jax_framework):
    def three():
        train, held_out = stripes()
        return train.map(lambda image, label: (image, label + 1)), held_out

    with pytest.raises(ValueError, match=r"three\(\): a label is outside 0 to num_classes - 1 = 1$"):
        jax_framework.train(spec(dataset=three), 0, three).compile()


def test_the_gpus_are_hidden_from_tensorflow(jax_framework, monkeypatch):
    import tensorflow as tf

    from pytest_accel.frameworks.jax import devices, image_datasets

    noted = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: noted.append((devices, kind)))
    image_datasets.dataset(spec(), 0, stripes, devices.mesh())
    assert noted == [([], "GPU")]


WITHOUT_TENSORFLOW = (
    SHALLOW
    + """
import sys
sys.modules["tensorflow"] = None  # How Python notes that an import is forbidden.

from pytest_accel import frameworks
from pytest_accel.records import Kind
from pytest_accel.api.workloads import input_pipeline, workload

jax = frameworks.load("jax")
jax.start(Kind.CPU)
alone = input_pipeline(framework="jax", dataset="digits", global_batch=64, precision="mixed_bfloat16")
program = jax.build(alone)
images, labels = program.step()
print(program.wait((images, labels)), images.shape, images.dtype, labels.shape)

trained = workload("resnet50", framework="jax", global_batch=8, dataset="digits")
program = jax.build(trained)
print(sum(program.wait(program.step()) > 0 for _ in range(3)))

try:
    jax.build(workload("resnet50", framework="jax", global_batch=8, dataset="imagenet"), "/data")
except RuntimeError as error:
    print(error)
"""
)


def test_digits_need_no_tensorflow_and_other_data_says_that_it_does():
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], capture_output=True, text=True, check=True
    )
    batch, steps, error = ran.stdout.splitlines()
    assert batch == "None (64, 32, 32, 3) bfloat16 (64,)"
    assert steps == "3"
    assert "dataset='imagenet' through tf.data, and TensorFlow is not installed here: pip install" in error
