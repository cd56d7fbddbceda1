"""The datasets of images by name. Another one is another entry here and in ``workloads.DATASETS``."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from pytest_accel.frameworks.common.datasets import checked
from pytest_accel.frameworks.tensorflow import image_classification
from pytest_accel.frameworks.tensorflow.datasets import Dataset
from pytest_accel.frameworks.tensorflow.digits import digits
from pytest_accel.frameworks.tensorflow.imagenet import imagenet
from pytest_accel.frameworks.tensorflow.user_dataset import own_data
from pytest_accel.records import DataSource, Workload


def dataset(workload: Workload, seed: int, source: DataSource) -> Dataset:
    """What the workload is trained on, from ``source`` if it is not shipped, in an order drawn by ``seed``.

    Raises ValueError for data that is not what it should be, and RuntimeError for a package that is missing.
    """
    parameters: dict[str, Any] = dict(workload.parameters)
    batch, image_size, classes = (
        workload.examples_per_step,
        parameters["image_size"],
        parameters["num_classes"],
    )
    dtype = image_classification.compute_type(workload)
    if callable(source):
        made = own_data(source, batch, image_size, classes, dtype, seed)
    elif parameters["dataset"] == "imagenet":
        made = imagenet(source, batch, image_size, classes, dtype, seed)
    else:
        made = digits(batch, image_size, classes, dtype, seed)
    return checked(made, workload)


def make_reproducible(workload: Workload, seed: int) -> None:
    """What TensorFlow draws is drawn by this seed, and comes the same every time if that was asked for."""
    if workload.parameters["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(seed)
