"""The ImageNet pipeline on shards of real photographs, made here in the standard layout."""

from __future__ import annotations

import shutil
from importlib import resources

import numpy as np
import pytest

from pytest_accel.records import Workload

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

SIZE = 32
TRAIN_SHARDS, VALIDATION_SHARDS = 4, 2
EACH = 6
CLASSES = 5


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    return tensorflow


@pytest.fixture(scope="module")
def photographs(tf):
    """Two photographs that scikit-learn ships, cut into overlapping parts."""
    files = [resources.files("sklearn.datasets.images") / name for name in ("china.jpg", "flower.jpg")]
    whole = [tf.io.decode_jpeg(file.read_bytes()).numpy() for file in files]
    corners = [(top, left) for top in (0, 100, 220) for left in (0, 120, 370)]
    return [image[top : top + 200, left : left + 260] for image in whole for top, left in corners]


def record(tf, image, label):
    return tf.train.Example(features=tf.train.Features(feature={
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    })).SerializeToString()  # fmt: skip


def write(tf, path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in records:
            writer.write(one)


@pytest.fixture(scope="module")
def made(tf, photographs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagenet")
    encoded = [tf.io.encode_jpeg(image).numpy() for image in photographs]
    for split, shards in (("train", TRAIN_SHARDS), ("validation", VALIDATION_SHARDS)):
        for shard in range(shards):
            numbers = range(shard * EACH, (shard + 1) * EACH)
            records = [record(tf, encoded[n % len(encoded)], 1 + n % CLASSES) for n in numbers]
            write(tf, folder / f"{split}-{shard:05}-of-{shards:05}", records)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(made, tmp_path / "imagenet")


def dataset(tf, folder, *, seed=0, batch=8, num_classes=CLASSES):
    from pytest_accel.frameworks.tensorflow.imagenet import imagenet

    return imagenet(str(folder), batch, SIZE, num_classes, tf.float32, seed)


def epoch(dataset, number=0, share=(1, 0, 1)):
    from pytest_accel.frameworks.tensorflow.datasets import Share

    batches = list(dataset.read(lambda _: dataset.train(number, Share(*share))))
    return [np.concatenate([batch[part].numpy() for batch in batches]) for part in (0, 1)]


def evaluation(dataset):
    batches = list(dataset.read(dataset.evaluation))
    return [np.concatenate([batch[part].numpy() for batch in batches]) for part in (0, 1)]


def test_an_epoch_has_every_example_that_fills_a_batch(tf, made):
    one = dataset(tf, made)
    assert (one.train_examples, one.steps_per_epoch, one.evaluation_examples) == (24, 3, 12)
    images, labels = epoch(one)
    assert images.shape == (24, SIZE, SIZE, 3)
    assert sorted(labels) == sorted(n % CLASSES for n in range(24))
    assert abs(images.mean()) < 2, "images are normalized"


def test_the_order_and_the_crops_are_those_of_seed_and_epoch(tf, made):
    images, labels = epoch(dataset(tf, made), 1)
    again = epoch(dataset(tf, made), 1)
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(labels, again[1])
    for other in (epoch(dataset(tf, made), 2), epoch(dataset(tf, made, seed=10**6), 1)):
        assert not np.array_equal(images, other[0])


def test_evaluation_sees_each_image_once_and_fills_up_the_last_batch(tf, made):
    images, labels = evaluation(dataset(tf, made))
    assert list(labels) == [*(n % CLASSES for n in (0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11)), *[-1] * 4]
    assert not images[12:].any()
    np.testing.assert_array_equal(images, evaluation(dataset(tf, made, seed=9))[0])


def test_hosts_read_shards_of_their_own(tf, made):
    parts = [epoch(dataset(tf, made), share=(2, host, 2)) for host in (0, 1)]
    assert [len(labels) for _, labels in parts] == [12, 12]
    assert sorted(np.concatenate([labels for _, labels in parts])) == sorted(n % CLASSES for n in range(24))


def test_the_evaluation_crop_is_the_middle(tf, photographs):
    from pytest_accel.frameworks.tensorflow import image_preprocessing as module

    picture = photographs[0]
    encoded = tf.io.encode_jpeg(picture, quality=100)
    seen = module.center_crop(encoded, 168, tf.float32).numpy() * module.STANDARD_DEVIATION + module.MEAN
    middle = picture[16:184, 46:214]
    assert np.abs(seen - middle).mean() < 3


def test_float16_batches_are_half_as_large(tf, made):
    from pytest_accel.frameworks.tensorflow.imagenet import imagenet

    images, _ = epoch(imagenet(str(made), 8, SIZE, CLASSES, tf.bfloat16, 0))
    assert images.dtype == tf.bfloat16.as_numpy_dtype


def test_without_a_folder_it_says_how_to_name_one(tf):
    from pytest_accel.frameworks.tensorflow.imagenet import imagenet

    with pytest.raises(ValueError, match="is not shipped: say where its shards are with --accel-data=DIR"):
        imagenet(None, 8, SIZE, CLASSES, tf.float32, 0)


def test_a_folder_without_shards_is_named(tf, tmp_path):
    with pytest.raises(ValueError, match=rf"{tmp_path}: no file there is called train-\?\?\?\?\?-of"):
        dataset(tf, tmp_path)


def test_a_missing_shard_is_named(tf, folder):
    (folder / "train-00002-of-00004").unlink()
    with pytest.raises(ValueError, match=f"{folder}: train-00002-of-00004 is missing"):
        dataset(tf, folder)


def test_shards_of_two_layouts_are_named(tf, folder):
    shutil.copy(folder / "train-00000-of-00004", folder / "train-00000-of-00008")
    with pytest.raises(ValueError, match="train shards of 00004 and of 00008; leave one set there"):
        dataset(tf, folder)


def test_a_truncated_shard_is_named(tf, folder):
    shard = folder / "validation-00001-of-00002"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{shard}: truncated or damaged after record 5; fetch it again"):
        dataset(tf, folder)


def test_an_empty_shard_is_named(tf, folder):
    shard = folder / "train-00003-of-00004"
    shard.write_bytes(b"")
    with pytest.raises(ValueError, match=f"{shard}: empty; fetch it again"):
        dataset(tf, folder)


def test_a_shard_that_is_a_folder_is_named(tf, folder):
    shard = folder / "train-00003-of-00004"
    shard.unlink()
    shard.mkdir()
    with pytest.raises(ValueError, match=rf"{shard}: cannot be read \(.*directory"):
        dataset(tf, folder)


@pytest.mark.parametrize("nowhere", ["{}/nowhere", "{}/train-00000-of-00004", "s3://bucket/imagenet"])
def test_what_is_no_folder_is_named(tf, folder, nowhere):
    name = nowhere.format(folder)
    with pytest.raises(ValueError, match=rf"--accel-data={name}: no folder that can be read \(.*local or in"):
        dataset(tf, name)


def test_a_folder_may_have_brackets_in_its_name(tf, folder):
    assert dataset(tf, folder.rename(folder.with_name("[1k]"))).train_examples == 24


def test_shards_of_none_are_none(tf, tmp_path):
    (tmp_path / "train-00000-of-00000").touch()
    with pytest.raises(ValueError, match="no file there is called train-"):
        dataset(tf, tmp_path)


def test_records_that_a_known_layout_lacks_are_noticed(tf, made, monkeypatch):
    """The 1024 shards of ImageNet are not counted, since that takes reading all of it."""
    from pytest_accel.frameworks.tensorflow import imagenet

    monkeypatch.setattr(imagenet, "KNOWN_EXAMPLES", {("train", TRAIN_SHARDS): 32})
    short = dataset(tf, made)
    assert short.train_examples == 32
    with pytest.raises(
        ValueError, match=rf"{made}: epoch 1 ends after 3 of 4 steps: there are fewer than 32"
    ):
        list(short.training_batches(0))


def test_a_shard_that_is_no_tfrecord_is_named(tf, folder):
    shard = folder / "train-00000-of-00004"
    shard.write_bytes(b"this is text" * 100)
    with pytest.raises(ValueError, match=f"{shard}: truncated or damaged after record 0"):
        dataset(tf, folder)


@pytest.mark.parametrize(
    ("label", "image", "fault"),
    [
        (CLASSES + 1, None, f"has a label outside 1 to num_classes={CLASSES}"),
        (0, None, "has not the features image/encoded and image/class/label from 1"),
        (1, "PNG", "is not a JPEG, or a damaged one"),
        (1, b"no picture", "is not a JPEG, or a damaged one"),
        (1, "cut", "is not a JPEG, or a damaged one"),
    ],
)
def test_a_bad_record_is_named(tf, folder, photographs, label, image, fault):
    good = tf.io.encode_jpeg(photographs[0]).numpy()
    spoilt = {None: good, "cut": good[:2000], "PNG": tf.io.encode_png(photographs[0]).numpy()}
    bad = spoilt.get(image, image)
    shard = folder / "train-00001-of-00004"
    write(tf, shard, [record(tf, good, 1), record(tf, bad, label), *[record(tf, good, 1)] * 4])
    with pytest.raises(ValueError, match=f"{shard}: record 2 {fault}"):
        epoch(dataset(tf, folder))


def test_throughput_from_end_to_end_and_of_the_pipeline_alone(tf, made):
    from pytest_accel import frameworks
    from pytest_accel.api.workloads import input_pipeline, workload
    from pytest_accel.records import Kind

    framework = frameworks.load("tensorflow")
    framework.start(Kind.CPU)
    small = {"dataset": "imagenet", "global_batch": 8, "image_size": SIZE, "num_classes": CLASSES}
    trained: Workload = workload("resnet50", framework="tensorflow", **small)
    program = framework.build(trained, str(made))
    losses = [program.wait(program.step()) for _ in range(5)]
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 5, "each step has a batch of its own, over the end of an epoch"

    alone = framework.build(input_pipeline(framework="tensorflow", **small), str(made))
    batches = [alone.step() for _ in range(5)]
    assert [alone.wait(batch) for batch in batches] == [None] * 5
    assert batches[0][0].shape == (8, SIZE, SIZE, 3)
