"""Images/s of the ImageNet pipeline beside a plain Keras pipeline with the same augmentation, in turns.

    python studies/overhead/compare_pipelines.py [--cores=1] [--rounds=10]

Both read the same photographs (two that scikit-learn ships, in 1024 random parts of 400x300 to 500x400
pixels), ours from TFRecord shards, those of Keras from files, and give float32 batches of 224x224. Keras'
``image_dataset_from_directory`` decodes and resizes whole images; the random crop, the mirroring and the
normalization follow. A round is an epoch of one after an epoch of the other, each begun anew, so that neither
works on while the other is timed; the estimate is the median of their ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

IMAGES, BATCH, SIZE, CLASSES = 1024, 32, 224, 8


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="that the process may use")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        pipelines = {"pytest-accel": ours(Path(folder, "shards")), "Keras": keras(Path(folder, "files"))}
        rates = measured(pipelines, options.rounds)
    for name, seen in rates.items():
        print(f"{name}: {statistics.median(seen):.0f} images/s")
    ratios = sorted(ours_s / theirs_s for ours_s, theirs_s in zip(*rates.values(), strict=True))
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    print(
        f"{options.cores} cores, {len(ratios)} rounds: {statistics.median(ratios):.2f} times as many "
        f"images/s, 80% of the rounds {low:.2f} to {high:.2f}"
    )


def measured(pipelines: dict[str, Callable[[int], Iterable[Any]]], rounds: int) -> dict[str, list[float]]:
    """Images/s of every round, by pipeline. The first round warms up and does not count."""
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    for number in range(rounds + 1):
        for name, epoch in pipelines.items():
            start = time.perf_counter()
            seen = sum(len(images.numpy()) for images, _ in epoch(number))
            if number:
                rates[name].append(seen / (time.perf_counter() - start))
    return rates


def write(folder: Path) -> None:
    """The same JPEGs as TFRecord shards in ``shards`` and as files by class in ``files``."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    sources = [resources.files("sklearn.datasets.images") / name for name in ("china.jpg", "flower.jpg")]
    whole = [tf.io.decode_jpeg(source.read_bytes()).numpy() for source in sources]
    (folder / "shards").mkdir()
    for label in range(CLASSES):
        (folder / "files" / f"{label}").mkdir(parents=True)
    jpegs = []
    for number in range(IMAGES):
        height, width = rng.integers(300, 400), rng.integers(400, 500)
        top, left = rng.integers(0, 427 - height), rng.integers(0, 640 - width)
        part = whole[number % 2][top : top + height, left : left + width]
        jpegs.append((tf.io.encode_jpeg(part, quality=90).numpy(), number % CLASSES))
        (folder / "files" / f"{number % CLASSES}" / f"{number}.jpg").write_bytes(jpegs[-1][0])
    for split in ("train", "validation"):
        for shard in range(4):
            with tf.io.TFRecordWriter(str(folder / "shards" / f"{split}-{shard:05}-of-00004")) as writer:
                for jpeg, label in jpegs[shard::4]:
                    writer.write(_example(jpeg, label + 1))


def _example(jpeg: bytes, label: int) -> bytes:
    import tensorflow as tf

    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    serialized: bytes = example.SerializeToString()
    return serialized


def ours(folder: Path) -> Callable[[int], Iterable[Any]]:
    import tensorflow as tf

    from pytest_accel.frameworks.tensorflow.imagenet import imagenet

    dataset = imagenet(str(folder), BATCH, SIZE, CLASSES, tf.float32, seed=0)
    return dataset.training_batches


def keras(folder: Path) -> Callable[[int], Iterable[Any]]:
    """As its documentation has it: batched by Keras, augmented by ``map``, prefetched."""
    import tensorflow as tf

    from pytest_accel.frameworks.tensorflow import image_preprocessing

    dataset = tf.keras.utils.image_dataset_from_directory(
        folder, image_size=(400, 500), batch_size=None, seed=0, verbose=False
    )

    def augmented(image: Any, label: Any) -> Any:
        seed = tf.random.uniform([2], 0, 2**31 - 1, tf.int32)
        begin, extent = image_preprocessing.random_part(tf.shape(image), seed)
        crop = tf.image.resize(tf.slice(image, begin, extent), [SIZE, SIZE])
        crop = tf.image.random_flip_left_right(crop)
        normal = (crop - tf.constant(image_preprocessing.MEAN)) / tf.constant(
            image_preprocessing.STANDARD_DEVIATION
        )
        return tf.ensure_shape(normal, [SIZE, SIZE, 3]), label

    batches = dataset.map(augmented, tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return lambda _epoch: batches


if __name__ == "__main__":
    main()
