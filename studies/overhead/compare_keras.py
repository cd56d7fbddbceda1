"""ResNet-50 of pytest-accel against ``keras.applications.ResNet50``, in one process, block by block in turns.

    python studies/overhead/compare_keras.py --precision=mixed_bfloat16

Both train on one batch of synthetic images by SGD with momentum 0.9 and cross entropy, without weight decay
and label smoothing, under ``tf.function``. Keras' network is version 1, whose step is 6% fewer operations.
The ratio printed is Keras' step time over ours. Needs SciPy and a framework extra of pytest-accel.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import keras
import tensorflow as tf
from paired import MIN_ROUNDS, interleaved, median_ratio

from pytest_accel import frameworks
from pytest_accel.api.workloads import workload

LEARNING_RATE = 0.003
NUM_CLASSES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument(
        "--rounds", type=int, default=30, help=f"at least {MIN_ROUNDS}; one step of each a round"
    )
    options = parser.parse_args()
    if options.rounds < MIN_ROUNDS:
        parser.error(f"--rounds={options.rounds} is not enough for an interval: give at least {MIN_ROUNDS}")

    ours = our_step(options.batch, options.image_size, options.precision)
    theirs = keras_step(options.batch, options.image_size, options.precision)
    for step in (ours, theirs):
        for _ in range(3):  # The first compiles, the next two settle.
            seconds(step)
    pairs = interleaved(lambda: seconds(theirs), lambda: seconds(ours), rounds=options.rounds)

    ratio = median_ratio(pairs)
    print(f"ResNet-50, {options.precision}, batch {options.batch}, {options.image_size}x{options.image_size}")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {options.rounds} rounds")
    print(f"fastest step: keras {min(a for a, _ in pairs):.3f} s, ours {min(b for _, b in pairs):.3f} s")
    print(f"keras / ours: {ratio.estimate:.3f}, 99% interval [{ratio.low:.3f}, {ratio.high:.3f}]")


def our_step(batch: int, image_size: int, precision: str) -> Callable[[], object]:
    training = workload(
        "resnet50",
        framework="tensorflow",
        global_batch=batch,
        image_size=image_size,
        precision=precision,
        num_classes=NUM_CLASSES,
        learning_rate=LEARNING_RATE,
        weight_decay=0.0,
        label_smoothing=0.0,
    )
    program = frameworks.load("tensorflow").build(training)
    return lambda: program.wait(program.step())


def keras_step(batch: int, image_size: int, precision: str) -> Callable[[], object]:
    """The training step that the Keras guide on custom loops teaches."""
    keras.mixed_precision.set_dtype_policy(precision)
    model = keras.applications.ResNet50(
        weights=None, input_shape=(image_size, image_size, 3), classes=NUM_CLASSES, classifier_activation=None
    )
    optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=0.9)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images = tf.random.normal((batch, image_size, image_size, 3))
    labels = tf.random.uniform((batch,), 0, NUM_CLASSES, tf.int64)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda: float(step())


def seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
