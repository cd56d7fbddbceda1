"""Training to a target in TensorFlow: real training of ResNet-50 on a handful of images, on the CPU."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
from support.shallow_resnet import SHALLOW, shallow

from pytest_accel import frameworks
from pytest_accel.api.workloads import training
from pytest_accel.records import Kind, TrainingPlan
from pytest_accel.worker.trainer import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

EPOCHS = 3
SOFTWARE = {"tensorflow": "as it is here"}


@pytest.fixture(scope="module", autouse=True)
def shallow_network():
    yield from shallow("pytest_accel.frameworks.tensorflow.resnet")


@pytest.fixture(scope="module")
def tensorflow():
    loaded = frameworks.load("tensorflow")
    loaded.start(Kind.CPU)
    return loaded


def stripes():
    """Two classes of images that a person tells apart at once, noise added."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    images = rng.normal(size=(24, 32, 32, 3)).astype(np.float32)
    images[labels == 1, ::2] += 2
    images[labels == 0, :, ::2] += 2
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.take(16), dataset.skip(16)


@pytest.fixture(scope="module")
def learning(tensorflow):
    """``learning(seed)`` is training that has begun."""

    def begun(seed=0, checkpoints=None, software=SOFTWARE, **parameters):
        spec = training(
            "resnet50",
            framework="tensorflow",
            dataset=stripes,
            epochs=EPOCHS,
            target=0.5,
            image_size=32,
            num_classes=2,
            warmup_epochs=1,
            **{"learning_rate": 0.01, "global_batch": 8, **parameters},
        )
        plan = TrainingPlan(spec, EPOCHS, 0.5, (0,), lambda number: tensorflow.train(spec, number, stripes))
        one = TrainingRun(plan, seed, checkpoints, software=software)
        return one, one.begin()

    return begun


def numbers(epochs):
    return [(epoch.loss, epoch.top1, epoch.top5) for epoch in epochs]


def curve(learning, seed=0, **given):
    one, begun = learning(seed, **given)
    return numbers([*begun.epochs, *(one.epoch() for _ in range(EPOCHS - len(begun.epochs)))])


@pytest.fixture(scope="module")
def uninterrupted(learning):
    return curve(learning)


def test_it_learns_what_is_easy_to_learn(learning):
    losses, top1, top5 = zip(*curve(learning, learning_rate=0.02), strict=True)
    assert losses[-1] < losses[0]
    assert all(0 <= share <= 1 for share in top1)
    assert top5 == (1, 1, 1), "there are but two classes"


def test_the_same_seed_gives_the_same_curve_to_the_last_bit_and_another_does_not(learning, uninterrupted):
    assert curve(learning) == uninterrupted
    assert curve(learning, seed=1) != uninterrupted


def test_training_that_goes_on_from_a_checkpoint_comes_to_the_same(learning, uninterrupted, tmp_path):
    for _ in range(EPOCHS):  # each process trains one epoch and is ended
        one, begun = learning(checkpoints=tmp_path)
        epochs = [*begun.epochs, one.epoch()]
    assert numbers(epochs) == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["after-00003"]


def test_weights_that_are_no_numbers_are_not_gone_on_with(learning, tmp_path):
    one, _ = learning(checkpoints=tmp_path, learning_rate=1e30)
    assert any(not np.isfinite(one.epoch().loss) for _ in range(EPOCHS))
    _, begun = learning(checkpoints=tmp_path, learning_rate=1e30)
    assert all(np.isfinite(epoch.loss) for epoch in begun.epochs)


def test_an_evaluation_set_that_is_not_whole_is_named(learning, monkeypatch):
    one, _ = learning()
    seen = one._training.evaluate.__self__.dataset
    object.__setattr__(seen, "evaluation_examples", 50_000)
    with pytest.raises(ValueError, match=r"stripes\(\): evaluation saw 8 examples, not 50000: the data is"):
        one.epoch()


@pytest.mark.parametrize("steps", ["too few", "too small"])
def test_what_had_no_time_to_change_is_not_called_frozen(learning, steps):
    given = {"too few": {"global_batch": 16}, "too small": {"learning_rate": 1e-7}}[steps]
    one, _ = learning(**given)
    for _ in range(EPOCHS):
        one.epoch()
    assert one.frozen_variables() == ()


def test_every_variable_trains(learning):
    one, _ = learning(learning_rate=0.05, global_batch=4)
    for _ in range(EPOCHS):
        one.epoch()
    assert one.frozen_variables() == ()


def test_a_layer_that_is_not_updated_is_named(learning, monkeypatch):
    from pytest_accel.frameworks.tensorflow.training import Trainer

    update = Trainer.update

    def all_but_the_first(self, gradients):
        variables, momentum_buffers = self.variables, self.momentum_buffers
        self.variables, self.momentum_buffers = variables[1:], momentum_buffers[1:]
        update(self, gradients[1:])
        self.variables, self.momentum_buffers = variables, momentum_buffers

    monkeypatch.setattr(Trainer, "update", all_but_the_first)
    one, _ = learning(learning_rate=0.05, global_batch=4)
    for _ in range(EPOCHS):
        one.epoch()
    (name,) = one.frozen_variables()
    assert name == "variable 1 of 53 (kernel 7x7x3x64)"


TWO_REPLICAS = (
    SHALLOW
    + """
import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.tensorflow import convergence, devices
from pytest_accel.records import Kind
from pytest_accel.api.workloads import training

def twice(count):
    images = np.random.default_rng(0).normal(size=(count, 32, 32, 3)).astype(np.float32)
    labels = np.arange(count) % 2
    return tf.data.Dataset.from_tensor_slices((np.repeat(images, 2, 0), np.repeat(labels, 2)))

def data():
    return twice(4), twice(5)

def trained(batch):
    spec = training("resnet50", framework="tensorflow", dataset=data, epochs=2, target=0.5,
        global_batch=batch, image_size=32, num_classes=2, learning_rate=0.01, warmup_epochs=0)
    one = convergence.training(spec, 0, data)
    one.compile()
    return [round(one.train(0), 3), *one.evaluate()], one.evaluation_examples

devices.start(Kind.CPU, 2)
spread = devices.strategy()
devices.strategy = tf.distribute.get_strategy
print(trained(8))
devices.strategy = lambda: spread
print(trained(8))
"""
)


def test_replicas_share_training_and_evaluation():
    """Two CPU devices stand in for two GPUs. The mean loss of an epoch in one step is the same but for batch
    normalization, which sees half a batch; ten images are evaluated in batches of eight, none twice."""
    ran = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, check=True)
    (one, count), (two, counted) = (ast.literal_eval(line) for line in ran.stdout.splitlines())
    assert count == counted == 10
    assert two[0] == pytest.approx(one[0], rel=0.2)
    for _, top1, top5 in (one, two):
        assert top5 == 1
        assert (10 * top1) % 2 == pytest.approx(0, abs=1e-6), "each image is there twice"


class TestDigits:
    def make(self, seed=0, batch=64):
        import tensorflow as tf

        from pytest_accel.frameworks.tensorflow.digits import digits

        return digits(batch, 32, 10, tf.float32, seed)

    def epoch(self, dataset, number):
        from pytest_accel.frameworks.tensorflow.datasets import Share

        batches = list(dataset.train(number, Share()))
        return [np.concatenate([batch[part].numpy() for batch in batches]) for part in (0, 1)]

    def test_are_what_scikit_learn_ships(self):
        from pytest_accel.frameworks.common.datasets import PADDING_LABEL
        from pytest_accel.frameworks.tensorflow.datasets import Share

        dataset = self.make()
        assert (dataset.train_examples, dataset.evaluation_examples) == (22 * 64, 360)
        images, labels = self.epoch(dataset, 0)
        assert images.shape == (22 * 64, 32, 32, 3)
        assert set(labels) == set(range(10))
        held_out = np.concatenate([batch[1].numpy() for batch in dataset.evaluation(Share())])
        assert (held_out != PADDING_LABEL).sum() == 360

    def test_come_in_another_order_each_epoch_and_the_same_whenever_asked(self):
        first, again, other = (
            self.epoch(self.make(), 1),
            self.epoch(self.make(), 1),
            self.epoch(self.make(), 2),
        )
        np.testing.assert_array_equal(first[0], again[0])
        assert not np.array_equal(first[0], other[0])

    def test_are_shared_among_hosts_without_a_rest(self):
        from pytest_accel.frameworks.tensorflow.datasets import Share

        whole = self.epoch(self.make(), 0)[1]
        parts = [
            np.concatenate([labels.numpy() for _, labels in self.make().train(0, Share(2, host, 4))])
            for host in (0, 1)
        ]
        assert [len(part) for part in parts] == [len(whole) // 2] * 2
        step = [parts[0][:32], parts[1][:32]]
        np.testing.assert_array_equal(np.concatenate(step), whole[:64])

    def test_need_as_many_classes(self):
        import tensorflow as tf

        from pytest_accel.frameworks.tensorflow.digits import digits

        with pytest.raises(ValueError, match="has 10 classes: num_classes=9 is too few"):
            digits(64, 32, 9, tf.float32, 0)


class TestOwnData:
    def make(self, make, **given):
        import tensorflow as tf

        from pytest_accel.frameworks.tensorflow.user_dataset import own_data

        sizes = {"batch": 8, "image_size": 32, "num_classes": 2, "dtype": tf.float32, "seed": 0}
        return own_data(make, **{**sizes, **given})

    def test_is_shuffled_by_seed_and_epoch(self):
        from pytest_accel.frameworks.tensorflow.datasets import Share

        def epoch(number, **given):
            batches = self.make(stripes, **given).train(number, Share())
            return np.concatenate([images.numpy() for images, _ in batches])

        np.testing.assert_array_equal(epoch(0), epoch(0))
        assert not np.array_equal(epoch(0), epoch(1))
        assert not np.array_equal(epoch(0), epoch(0, seed=1))

    @pytest.mark.parametrize(
        ("make", "fault"),
        [
            (lambda: stripes()[0], "gives _TakeDataset; give two tf.data.Datasets: training and evaluation"),
            (lambda: [each.batch(4) for each in stripes()], "gives list; give two"),
            (lambda: tuple(each.batch(4) for each in stripes()), r"give \(image \[32, 32, 3\], label \[\]\)"),
            (lambda: tuple(each.repeat() for each in stripes()), "repeats for ever: leave out .repeat()"),
        ],
    )
    def test_of_another_form_is_refused(self, make, fault):
        with pytest.raises(ValueError, match=fault):
            self.make(make)

    @pytest.mark.parametrize(
        ("images", "labels", "fault"),
        [
            (
                np.zeros((8, 32, 32, 3), np.float32),
                np.zeros(8),
                "labels of float64; give numbers and integers",
            ),
            (np.full((8, 32, 32, 3), "x"), np.zeros(8, int), "images of string and labels of int64"),
        ],
    )
    def test_of_other_types_is_refused(self, images, labels, fault):
        import tensorflow as tf

        with pytest.raises(ValueError, match=fault):
            self.make(lambda: (tf.data.Dataset.from_tensor_slices((images, labels)),) * 2)

    def test_that_can_be_read_only_once_is_named(self):
        import tensorflow as tf

        images, labels = np.zeros((16, 32, 32, 3), np.float32), np.zeros(16, np.int64)
        once = iter(list(zip(images, labels, strict=True)))
        shape = (tf.TensorSpec([32, 32, 3], tf.float32), tf.TensorSpec([], tf.int64))
        data = tf.data.Dataset.from_generator(lambda: once, output_signature=shape)
        dataset = self.make(lambda: (data, stripes()[1]))
        with pytest.raises(ValueError, match=r"epoch 1 ends after 0 of 2 steps: .* cannot be read twice"):
            list(dataset.training_batches(0))

    def test_with_a_label_out_of_range_is_named(self):
        dataset = self.make(stripes, num_classes=1)
        with pytest.raises(ValueError, match=r"stripes\(\): a label is outside 0 to num_classes - 1 = 0$"):
            list(dataset.training_batches(0))
