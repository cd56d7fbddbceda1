"""ResNet-50 v1.5 in bare JAX: functions over trees of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pytest_accel.frameworks.common.resnet50 import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    EXPANSION,
    STAGES,
    STEM_CHANNELS,
    he_normal,
    initial_classifier,
)

Tree = dict[str, Any]
"""Arrays by name, in a nest of mappings and lists."""


class Network(NamedTuple):
    """What a network is made of: trainable parameters, and the moving statistics of batch normalization."""

    parameters: Tree
    statistics: Tree


def initial(num_classes: int, rng: np.random.Generator) -> Network:
    """The network before training, in float32. ``rng`` draws its kernels in the order of the layers."""
    stem = _convolution(3, STEM_CHANNELS, 7, rng)
    blocks = []
    channels = STEM_CHANNELS
    for width, count, first_stride in STAGES:
        for stride in (first_stride, *[1] * (count - 1)):
            outputs = width * EXPANSION
            block = {
                "reduce": _convolution(channels, width, 1, rng),
                "spatial": _convolution(width, width, 3, rng),
                # Gamma 0 makes the block start as the identity: Goyal et al. (2017), section 5.1.
                "expand": _convolution(width, outputs, 1, rng, gamma=0.0),
            }
            if (channels, stride) != (outputs, 1):
                block["project"] = _convolution(channels, outputs, 1, rng)
            blocks.append(block)
            channels = outputs
    classifier = {
        "kernel": initial_classifier(channels, num_classes, rng),
        "bias": np.zeros(num_classes, np.float32),
    }
    return Network(
        {"stem": stem, "blocks": blocks, "classifier": classifier},
        {
            "stem": _statistics(stem),
            "blocks": [{name: _statistics(c) for name, c in b.items()} for b in blocks],
        },
    )


def logits(network: Network, images: jax.Array, *, training: bool) -> tuple[jax.Array, Tree]:
    """Of images ``[batch, height, width, 3]``: float32 ``[batch, num_classes]``, and the new statistics.

    In training it normalizes by the batch, in evaluation by the moving statistics. It computes in the type of
    the images, except for the statistics of batch normalization, the pooling at the end and the logits, which
    are float32.
    """
    parameters, before = network
    x, stem = _normalized_convolution(images, parameters["stem"], before["stem"], 2, training)
    x = lax.reduce_window(jax.nn.relu(x), -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    strides = (stride for _, count, first in STAGES for stride in (first, *[1] * (count - 1)))
    blocks = []
    for block, moving, stride in zip(parameters["blocks"], before["blocks"], strides, strict=True):
        x, after = _bottleneck(x, block, moving, stride, training)
        blocks.append(after)
    features = jnp.mean(x, (1, 2), jnp.float32).astype(images.dtype)
    classifier = parameters["classifier"]
    scores = features @ classifier["kernel"].astype(images.dtype)
    return scores.astype(jnp.float32) + classifier["bias"], {"stem": stem, "blocks": blocks}


def kernels(parameters: Tree) -> list[jax.Array]:
    """What weight decay applies to: the weights of the convolutions and of the classifier."""
    leaves = jax.tree_util.tree_leaves_with_path(parameters)
    return [leaf for path, leaf in leaves if path[-1] == jax.tree_util.DictKey("kernel")]


def _bottleneck(
    x: jax.Array, block: Tree, moving: Tree, stride: int, training: bool
) -> tuple[jax.Array, Tree]:
    """1x1, 3x3 and 1x1 convolution beside a shortcut, which is projected where the shape changes."""
    after = {}

    def layer(x: jax.Array, name: str, stride: int = 1) -> jax.Array:
        y, after[name] = _normalized_convolution(x, block[name], moving[name], stride, training)
        return y

    shortcut = layer(x, "project", stride) if "project" in block else x
    x = jax.nn.relu(layer(x, "reduce"))
    x = jax.nn.relu(layer(x, "spatial", stride))
    return jax.nn.relu(layer(x, "expand") + shortcut), after


def _normalized_convolution(
    x: jax.Array, layer: Tree, moving: Tree, stride: int, training: bool
) -> tuple[jax.Array, Tree]:
    """A convolution without bias, then batch normalization with its statistics in float32."""
    kernel = layer["kernel"].astype(x.dtype)
    layout = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=layout)
    wide = x.astype(jnp.float32)
    mean, variance, after = moving["mean"], moving["variance"], moving
    if training:
        mean = jnp.mean(wide, (0, 1, 2))
        variance = jnp.mean(jnp.square(wide), (0, 1, 2)) - jnp.square(mean)
        count = x.size // x.shape[-1]
        after = {
            "mean": _moved(moving["mean"], mean),
            "variance": _moved(moving["variance"], variance * (count / max(1, count - 1))),
        }
    scale = layer["gamma"] * lax.rsqrt(variance + BATCH_NORM_EPSILON)
    return (wide * scale + (layer["beta"] - mean * scale)).astype(x.dtype), after


def _moved(moving: jax.Array, batch: jax.Array) -> jax.Array:
    return BATCH_NORM_MOMENTUM * moving + (1 - BATCH_NORM_MOMENTUM) * batch


def _convolution(
    inputs: int, outputs: int, size: int, rng: np.random.Generator, *, gamma: float = 1.0
) -> Tree:
    return {
        "kernel": he_normal((size, size, inputs, outputs), rng),
        "gamma": np.full(outputs, gamma, np.float32),
        "beta": np.zeros(outputs, np.float32),
    }


def _statistics(convolution: Tree) -> Tree:
    outputs = convolution["beta"].size
    return {"mean": np.zeros(outputs, np.float32), "variance": np.ones(outputs, np.float32)}
