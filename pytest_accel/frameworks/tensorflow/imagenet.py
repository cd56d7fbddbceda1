"""ImageNet as TFRecord shards in the standard layout: found, read in the order of a seed, and checked.

The layout is that of TensorFlow's ``build_imagenet_data.py``: ``train-00000-of-01024`` and so on,
``validation-00000-of-00128`` and so on, examples with the features ``image/encoded`` (JPEG) and
``image/class/label`` (from 1; 0 is a background class that no image has).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.common.datasets import PADDING_LABEL
from pytest_accel.frameworks.tensorflow import image_preprocessing
from pytest_accel.frameworks.tensorflow.datasets import Dataset, Share

KNOWN_EXAMPLES = {("train", 1024): 1_281_167, ("validation", 128): 50_000}
"""Images by split and number of shards: Russakovsky et al., "ImageNet Large Scale Visual Recognition
Challenge" (2015), table 2. Of other layouts they are counted."""

SHARDS_AT_ONCE = 16
SHUFFLED_AT_ONCE = 10_000
"""Examples that wait for their turn, as JPEG: 1 GB at 100 kB each."""


def imagenet(
    folder: str | None, batch: int, image_size: int, num_classes: int, dtype: tf.DType, seed: int
) -> Dataset:
    """Raises ValueError for a folder that has not all shards of both splits."""
    if folder is None:
        raise ValueError('dataset="imagenet" is not shipped: say where its shards are with --accel-data=DIR')
    shards = {split: _shards(folder, split) for split in ("train", "validation")}
    examples = {split: _count(split, shards[split]) for split in shards}
    steps = examples["train"] // batch

    def records(epoch: int, share: Share) -> tf.data.Dataset:
        rng = np.random.default_rng([seed, epoch])
        ours = rng.permutation(shards["train"])[share.input_pipeline_id :: share.num_input_pipelines]
        read = _read(ours.tolist())
        return read.shuffle(SHUFFLED_AT_ONCE, seed=int(rng.integers(2**31)), reshuffle_each_iteration=False)

    def train(epoch: int, share: Share) -> tf.data.Dataset:
        def example(number: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            encoded, label = _parsed(record, num_classes)
            return image_preprocessing.random_crop_and_flip(
                encoded, image_size, tf.stack([drawn, number]), dtype
            ), label

        drawn = np.random.default_rng([seed, epoch, 1]).integers(2**31)
        per_replica = share.get_per_replica_batch_size(batch)
        # Shards divide unevenly among hosts, so one may need examples twice. A single one has them all.
        whole = records(epoch, share) if share.num_input_pipelines == 1 else records(epoch, share).repeat()
        numbered = whole.enumerate(share.input_pipeline_id * 10**8)
        images = numbered.map(example, tf.data.AUTOTUNE, deterministic=True)
        batches = images.batch(per_replica, drop_remainder=True)
        ours = steps * batch // per_replica // share.num_input_pipelines
        return batches.take(ours).prefetch(tf.data.AUTOTUNE)

    def evaluation(share: Share) -> tf.data.Dataset:
        def example(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            encoded, label = _parsed(record, num_classes)
            return image_preprocessing.center_crop(encoded, image_size, dtype), label

        per_replica = share.get_per_replica_batch_size(batch)
        images = _read(shards["validation"]).map(example, tf.data.AUTOTUNE, deterministic=True)
        blank = (tf.zeros([image_size, image_size, 3], dtype), tf.constant(PADDING_LABEL, tf.int64))
        filled = images.concatenate(
            tf.data.Dataset.from_tensors(blank).repeat(-examples["validation"] % batch)
        )
        batches = filled.batch(per_replica, drop_remainder=True)
        ours = batches.shard(share.num_input_pipelines, share.input_pipeline_id)
        return ours.prefetch(tf.data.AUTOTUNE)

    return Dataset(
        name=f"the shards in {folder}",
        train=train,
        evaluation=evaluation,
        train_examples=steps * batch,
        evaluation_examples=examples["validation"],
        steps_per_epoch=steps,
        explain=lambda error: _explained(error, [*shards["train"], *shards["validation"]], num_classes),
    )


def _shards(folder: str, split: str) -> list[str]:
    """Paths of all shards of a split, by number. Raises ValueError that says what the folder lacks."""
    try:
        files = tf.io.gfile.listdir(folder)
    except tf.errors.OpError as error:
        raise ValueError(
            f"--accel-data={folder}: no folder that can be read ({error.message}); name one that is local or "
            "in gs://"
        ) from None
    shards = [file for file in files if re.fullmatch(rf"{split}-\d{{5}}-of-\d{{5}}", file, re.ASCII)]
    totals = {file[-5:] for file in shards} - {"00000"}
    if not totals:
        raise ValueError(
            f"{folder}: no file there is called {split}-?????-of-?????; --accel-data takes the folder with "
            "the TFRecord shards of ImageNet"
        )
    if len(totals) > 1:
        raise ValueError(
            f"{folder}: {split} shards of {' and of '.join(sorted(totals))}; leave one set there"
        )
    (total,) = totals
    names = [f"{split}-{number:05}-of-{total}" for number in range(int(total))]
    missing = sorted(set(names).difference(shards))
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise ValueError(f"{folder}: {missing[0]} is missing{others}")
    return [f"{folder.rstrip('/')}/{name}" for name in names]


def _count(split: str, shards: Sequence[str]) -> int:
    known = KNOWN_EXAMPLES.get((split, len(shards)))
    if known is not None:
        return known
    try:
        counts = {shard: sum(1 for _ in tf.data.TFRecordDataset(shard)) for shard in shards}
    except tf.errors.OpError as error:
        raise _explained(error, shards, 0) from error
    empty = next((shard for shard, count in counts.items() if count == 0), None)
    if empty is not None:
        raise ValueError(f"{empty}: empty; fetch it again")
    return sum(counts.values())


def _read(shards: Sequence[str]) -> tf.data.Dataset:
    """Records of several shards at once, always in the same order."""
    return tf.data.Dataset.from_tensor_slices(list(shards)).interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(SHARDS_AT_ONCE, len(shards)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _parsed(record: tf.Tensor, num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A JPEG and its class, from 0."""
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    }
    parsed = tf.io.parse_single_example(record, features)
    label = parsed["image/class/label"]
    in_range = tf.debugging.Assert((label >= 1) & (label <= num_classes), [label])
    with tf.control_dependencies([in_range]):
        return parsed["image/encoded"], label - 1


def _explained(error: tf.errors.OpError, shards: Sequence[str], num_classes: int) -> Exception:
    """Names the first record that is at fault, by reading all again, one at a time and slowly."""
    unexplained: Exception = error
    for shard in shards:
        number = 0
        try:
            for number, record in enumerate(tf.data.TFRecordDataset(shard), 1):
                fault = _fault(record, num_classes) if num_classes else None
                if fault is not None:
                    return ValueError(f"{shard}: record {number} {fault}")
        except tf.errors.DataLossError:
            return ValueError(f"{shard}: truncated or damaged after record {number}; fetch it again")
        except tf.errors.OpError as unreadable:
            return ValueError(f"{shard}: cannot be read ({unreadable.message})")
    return unexplained


def _fault(record: tf.Tensor, num_classes: int) -> str | None:
    checks: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: _parsed(record, 2**40), "has not the features image/encoded and image/class/label from 1"),
        (lambda: _parsed(record, num_classes), f"has a label outside 1 to num_classes={num_classes}"),
        (
            lambda: _decoded(_parsed(record, num_classes)[0]),
            "is not a JPEG, or a damaged one",
        ),
    )
    for check, fault in checks:
        try:
            check()
        except (tf.errors.OpError, ValueError):
            return fault
    return None


def _decoded(encoded: tf.Tensor) -> None:
    """Raise for what is not a JPEG; decoding alone takes a PNG as well."""
    tf.io.extract_jpeg_shape(encoded)
    tf.io.decode_jpeg(encoded, channels=3)
