"""ResNet-50 in TensorFlow: real steps at a small size, on the CPU."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_accel import frameworks
from pytest_accel.api.workloads import PRECISIONS, workload
from pytest_accel.records import Kind, Workload

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    return tensorflow


@pytest.fixture(scope="module")
def framework():
    loaded = frameworks.load("tensorflow")
    loaded.start(Kind.CPU)
    return loaded


def small(**parameters):
    defaults = {"image_size": 32, "num_classes": 10, "learning_rate": 0.02}
    return workload("resnet50", framework="tensorflow", global_batch=4, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def trainer_of(framework):
    from pytest_accel.frameworks.tensorflow import image_classification

    def trainer_of(**parameters):
        """A trainer, with the batch that a throughput benchmark gives it as ``batch``."""
        workload = small(**parameters)
        trainer = image_classification.trainer(workload, replicas=1)
        trainer.batch = image_classification.synthetic_share(workload, replicas=1)
        return trainer

    return trainer_of


@pytest.fixture(scope="module")
def model(framework):
    from pytest_accel.frameworks.tensorflow.resnet import ResNet50

    return ResNet50(num_classes=1000, rng=np.random.default_rng(0))


# The network


def test_it_has_the_parameters_of_resnet50(model):
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == 25_557_032
    assert len(model.convolutions) == 53


def test_the_only_bias_is_that_of_the_classifier(model):
    per_convolution = [["beta", "gamma", "kernel"]] * 53
    names = sorted(variable.name.partition(":")[0] for variable in model.trainable_variables)
    assert names == sorted([*np.ravel(per_convolution), "bias", "classifier"])


def test_a_block_that_halves_the_resolution_does_so_in_its_3x3(model):
    strides = [
        (block.reduce.stride, block.spatial.stride, block.expand.stride, block.project.stride)
        for block in model.blocks
        if block.project
    ]
    assert strides == [(1, 1, 1, 1), (1, 2, 1, 2), (1, 2, 1, 2), (1, 2, 1, 2)]
    assert all(tuple(block.spatial.kernel.shape[:2]) == (3, 3) for block in model.blocks)
    assert (model.stem.stride, tuple(model.stem.kernel.shape)) == (2, (7, 7, 3, 64))
    assert [len(block.convolutions) for block in model.blocks].count(3) == 12


def test_a_block_starts_as_the_identity(model, tf):
    assert all(not np.any(block.expand.gamma) for block in model.blocks)
    assert all(np.all(block.reduce.gamma == 1) and np.all(block.spatial.gamma == 1) for block in model.blocks)
    x = tf.nn.relu(tf.random.stateless_normal([2, 8, 8, 256], [0, 0]))
    assert np.array_equal(model.blocks[1](x, training=True), x)


def test_kernels_start_with_variance_2_over_fan_out(model):
    for convolution in model.convolutions:
        height, width, _, outputs = convolution.kernel.shape
        assert np.var(convolution.kernel) == pytest.approx(2 / (height * width * outputs), rel=0.05)


def test_batch_norm_follows_the_formula(framework, tf):
    from pytest_accel.frameworks.tensorflow.resnet import ConvolutionBatchNorm

    layer = ConvolutionBatchNorm(3, 5, size=1, rng=np.random.default_rng(0))
    layer.gamma.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    layer.beta.assign([5.0, 4.0, 3.0, 2.0, 1.0])
    x = tf.random.stateless_normal([4, 6, 6, 3], [0, 0]) * 1e-2  # So small that epsilon matters.
    convolved = tf.nn.conv2d(x, layer.kernel, 1, "SAME").numpy()
    mean, variance = convolved.mean((0, 1, 2)), convolved.var((0, 1, 2))

    y = layer(x, training=True)

    expected = (convolved - mean) / np.sqrt(variance + 1e-5) * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(y, expected, atol=1e-4)
    count = 4 * 6 * 6
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance * count / (count - 1), rtol=1e-4)


@pytest.mark.parametrize(
    ("pixels", "size", "stride", "used"),
    [(1, 3, 1, 1), (1, 3, 2, 1), (2, 3, 2, 2), (2, 3, 1, 3), (4, 3, 2, 3), (2, 1, 2, 1), (1, 7, 2, 1)],
)
def test_of_a_kernel_only_what_meets_padding_alone_is_left_out(framework, tf, pixels, size, stride, used):
    from pytest_accel.frameworks.tensorflow.resnet import part_in_use

    kernel = tf.Variable(tf.random.stateless_normal([size, size, 3, 5], [0, 1]))
    x = tf.random.stateless_normal([4, pixels, pixels, 3], [0, 2])

    part = part_in_use(kernel, x.shape[1:3], stride)

    assert part.shape == (used, used, 3, 5)
    whole = tf.nn.conv2d(x, kernel, stride, "SAME")
    np.testing.assert_allclose(tf.nn.conv2d(x, part, stride, "SAME"), whole, rtol=1e-5, atol=1e-5)


def test_a_step_at_224x224_is_24_56_gflop_an_image(framework, tf):
    from pytest_accel.frameworks.tensorflow import compiled_step

    work = workload("resnet50", framework="tensorflow", global_batch=2, weight_decay=0)
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    graph = compiled_step(work).get_concrete_function().graph
    profile = tf.compat.v1.profiler.profile(graph=graph, options=options.build())
    assert profile.total_float_ops / 2 == pytest.approx(24.56e9, rel=0.01)


# Training


@pytest.mark.parametrize("precision", PRECISIONS)
def test_real_steps_learn_their_batch(framework, precision):
    program = framework.build(small(precision=precision, weight_decay=0, label_smoothing=0))
    losses = [program.wait(program.step()) for _ in range(20)]
    assert all(math.isfinite(loss) for loss in losses)
    assert min(losses[10:]) < losses[0] / 2
    assert program.peak_memory_bytes() > 100e6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_variables_are_float32_and_images_are_in_the_type_of_the_computation(trainer_of, tf, precision):
    trainer = trainer_of(precision=precision)
    model = trainer.model
    statistics = [s for norm in model.convolutions for s in (norm.moving_mean, norm.moving_variance)]
    variables = [*model.trainable_variables, *trainer.momentum_buffers, *statistics]
    assert {variable.dtype for variable in variables} == {tf.float32}
    assert trainer.batch[0].dtype.name == precision.removeprefix("mixed_")
    assert trainer.loss(*trainer.batch).dtype == tf.float32


def test_data_and_weights_are_the_same_every_time(trainer_of):
    one, two = trainer_of(), trainer_of()
    for ours, theirs in zip(one.batch, two.batch, strict=True):
        assert np.array_equal(ours, theirs)
    assert float(one.loss(*one.batch)) == pytest.approx(float(two.loss(*two.batch)), rel=1e-5)


def test_label_smoothing_and_weight_decay_are_in_the_loss(trainer_of, tf):
    trainer = trainer_of(label_smoothing=0.2, weight_decay=0.5)
    images, labels = trainer.batch
    log_probabilities = tf.nn.log_softmax(trainer.model(images)).numpy()
    targets = np.full((4, 10), 0.2 / 10) + 0.8 * np.eye(10)[labels.numpy()]
    cross_entropy = -np.mean(np.sum(targets * log_probabilities, axis=1))
    squares = sum(float(np.sum(np.square(kernel, dtype=np.float64))) for kernel in trainer.model.kernels)
    assert len(trainer.model.kernels) == 54
    assert float(trainer.loss(images, labels)) == pytest.approx(cross_entropy + 0.5 / 2 * squares, rel=1e-4)


def test_the_update_is_momentum_sgd(trainer_of, tf):
    trainer = trainer_of(learning_rate=0.5, momentum=0.9)
    before = [variable.numpy() for variable in trainer.variables]
    ones = [tf.ones(variable.shape) for variable in trainer.variables]
    trainer.update(ones)
    trainer.update(ones)
    for variable, initial in zip(trainer.variables, before, strict=True):
        np.testing.assert_allclose(variable, initial - 0.5 * (1 + 1.9), rtol=1e-5, atol=1e-6)


def test_a_float16_step_that_overflows_leaves_the_weights_and_training_recovers(trainer_of, tf):
    trainer = trainer_of(precision="mixed_float16")
    step = tf.function(lambda: trainer.step(*trainer.batch), autograph=False)
    trainer.loss_scale.value.assign(2.0**40)
    before = [variable.numpy() for variable in trainer.variables + trainer.momentum_buffers]

    assert math.isfinite(float(step()))
    after = trainer.variables + trainer.momentum_buffers
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert float(trainer.loss_scale.value) == 2.0**39

    trainer.loss_scale.value.assign(2.0**7)
    assert math.isfinite(float(step()))
    assert not np.array_equal(before[0], trainer.variables[0])
    assert float(trainer.loss_scale.value) == 2.0**7
    assert all(np.all(np.isfinite(variable)) for variable in trainer.variables)


def test_the_loss_scale_does_not_change_the_update(trainer_of):
    """Up to the rounding of float16, which is what a scale is for."""
    moved = []
    for scale in (2.0**4, 2.0**7):
        trainer = trainer_of(precision="mixed_float16")
        trainer.loss_scale.value.assign(scale)
        bias = trainer.model.bias.numpy()
        trainer.step(*trainer.batch)
        moved.append(trainer.model.bias.numpy() - bias)
    np.testing.assert_allclose(*moved, rtol=0.05, atol=1e-5)


def test_the_loss_scale_doubles_after_2000_good_steps_and_stays_at_least_1(framework, tf):
    from pytest_accel.frameworks.tensorflow.training import LossScale

    scale = LossScale()
    assert float(scale.value) == 2.0**15
    scale.good_steps.assign(1998)
    seen = []
    for finite in (True, True, True, False):
        scale.adjust(tf.constant(finite))
        seen.append((float(scale.value), int(scale.good_steps)))
    assert seen == [(2.0**15, 1999), (2.0**16, 0), (2.0**16, 1), (2.0**15, 0)]
    scale.value.assign(1.0)
    scale.adjust(tf.constant(False))
    assert float(scale.value) == 1.0


# The framework


def test_provenance_gives_the_versions_that_are_known(framework, tf):
    versions = framework.provenance()
    assert versions["tensorflow"] == tf.__version__
    assert versions["numpy"] == np.__version__
    assert versions.keys() <= {"tensorflow", "keras", "numpy", "cuda", "cudnn", "libtpu", "jax", "jaxlib"}
    assert all(isinstance(version, str) and version for version in versions.values())


def test_starting_on_the_cpu_twice_is_harmless(framework):
    framework.start(Kind.CPU)
    from pytest_accel.frameworks.tensorflow.devices import kind_in_use

    assert kind_in_use() is Kind.CPU


def test_a_gpu_that_tensorflow_does_not_see_is_an_error(framework):
    with pytest.raises(RuntimeError, match=r"sees no GPU, only CPU:0\. .*pytest-accel\[gpu\].*--accel=cpu"):
        framework.start(Kind.GPU)


def test_a_tpu_that_cannot_be_reached_is_an_error(framework, monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(RuntimeError, match=r"reach the TPU 'local', it sees CPU:0\. .*pytest-accel\[tpu\]"):
        framework.start(Kind.TPU)


@pytest.fixture
def fake_devices(framework, tf, monkeypatch):
    """TensorFlow's own list of devices, with a GPU that is not here; what is set on it is only noted."""
    gpu = SimpleNamespace(name="/physical_device:GPU:0", device_type="GPU")
    noted = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [gpu])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda device, on: noted.append((device, on))
    )
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: noted.append((devices, kind)))
    return SimpleNamespace(gpu=gpu, noted=noted)


def test_a_gpu_grows_its_memory(framework, fake_devices):
    framework.start(Kind.GPU)
    assert fake_devices.noted == [(fake_devices.gpu, True)]


def test_a_gpu_is_hidden_when_the_cpu_is_asked_for(framework, fake_devices):
    framework.start(Kind.CPU)
    assert fake_devices.noted == [([], "GPU")]


def test_a_gpu_that_is_in_use_already_cannot_be_hidden(framework, fake_devices, tf, monkeypatch):
    def refuse(devices, kind):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    with pytest.raises(
        RuntimeError, match=r"run on the CPU, but .* sees GPU:0\. Set CUDA_VISIBLE_DEVICES=-1"
    ):
        framework.start(Kind.CPU)


def test_a_workload_that_tensorflow_does_not_have_is_an_error(framework):
    with pytest.raises(ValueError, match="TensorFlow has no workload 'bert', only: resnet50"):
        framework.build(Workload("bert", "tensorflow", 8))


# The registry


def test_unknown_framework_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="Unknown framework 'caffe'; allowed: tensorflow, jax"):
        frameworks.load("caffe")


def test_a_framework_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "pytest_accel.frameworks.tensorflow", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # How Python notes that an import is forbidden.
    with pytest.raises(RuntimeError, match=r'tensorflow is not installed.*pip install "pytest-accel\[cpu\]"'):
        frameworks.load("tensorflow")
