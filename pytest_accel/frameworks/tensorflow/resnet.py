"""ResNet-50 v1.5 in bare TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pytest_accel.frameworks.common.resnet50 import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    EXPANSION,
    STAGES,
    STEM_CHANNELS,
    he_normal,
    initial_classifier,
)


class ResNet50:
    """The network, from images ``[batch, height, width, 3]`` to logits ``[batch, num_classes]``.

    In training it normalizes by the batch, in evaluation by the moving statistics. All variables are float32;
    ``rng`` draws their initial values. It computes in the type of the images, except for the statistics of
    batch normalization, the pooling at the end and the logits, which are float32.
    """

    def __init__(self, num_classes: int, rng: np.random.Generator) -> None:
        self.stem = ConvolutionBatchNorm(3, STEM_CHANNELS, size=7, stride=2, rng=rng)
        self.blocks: list[Bottleneck] = []
        channels = STEM_CHANNELS
        for width, blocks, first_stride in STAGES:
            for stride in (first_stride, *[1] * (blocks - 1)):
                self.blocks.append(Bottleneck(channels, width, stride, rng))
                channels = width * EXPANSION
        self.classifier = tf.Variable(initial_classifier(channels, num_classes, rng), name="classifier")
        self.bias = tf.Variable(tf.zeros(num_classes), name="bias")

    @property
    def convolutions(self) -> list[ConvolutionBatchNorm]:
        """All 53 of them, from the images to the logits."""
        return [self.stem, *(convolution for block in self.blocks for convolution in block.convolutions)]

    @property
    def kernels(self) -> list[tf.Variable]:
        """What weight decay applies to: the weights of the convolutions and of the classifier."""
        return [*(convolution.kernel for convolution in self.convolutions), self.classifier]

    @property
    def moving_statistics(self) -> list[tf.Variable]:
        return [
            moving
            for convolution in self.convolutions
            for moving in (convolution.moving_mean, convolution.moving_variance)
        ]

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        norms = [norm for convolution in self.convolutions for norm in (convolution.gamma, convolution.beta)]
        return [*self.kernels, *norms, self.bias]

    def __call__(self, images: tf.Tensor, *, training: bool = True) -> tf.Tensor:
        x = tf.nn.relu(self.stem(images, training))
        x = tf.nn.max_pool2d(x, 3, 2, "SAME")
        for block in self.blocks:
            x = block(x, training)
        features = tf.cast(tf.reduce_mean(tf.cast(x, tf.float32), [1, 2]), images.dtype)
        logits = tf.matmul(features, tf.cast(self.classifier, images.dtype))
        return tf.cast(logits, tf.float32) + self.bias


class Bottleneck:
    """1x1, 3x3 and 1x1 convolution beside a shortcut, which is projected where the shape changes."""

    def __init__(self, channels: int, width: int, stride: int, rng: np.random.Generator) -> None:
        outputs = width * EXPANSION
        self.reduce = ConvolutionBatchNorm(channels, width, size=1, rng=rng)
        self.spatial = ConvolutionBatchNorm(width, width, size=3, stride=stride, rng=rng)
        # Gamma 0 makes the block start as the identity: Goyal et al. (2017), section 5.1.
        self.expand = ConvolutionBatchNorm(width, outputs, size=1, gamma=0.0, rng=rng)
        self.project: ConvolutionBatchNorm | None = None
        if (channels, stride) != (outputs, 1):
            self.project = ConvolutionBatchNorm(channels, outputs, size=1, stride=stride, rng=rng)

    @property
    def convolutions(self) -> list[ConvolutionBatchNorm]:
        main = [self.reduce, self.spatial, self.expand]
        return main if self.project is None else [*main, self.project]

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        shortcut = x if self.project is None else self.project(x, training)
        x = tf.nn.relu(self.reduce(x, training))
        x = tf.nn.relu(self.spatial(x, training))
        return tf.nn.relu(self.expand(x, training) + shortcut)


class ConvolutionBatchNorm:
    """A convolution without bias, then batch normalization by TensorFlow's fused operation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        size: int,
        stride: int = 1,
        gamma: float = 1.0,
        rng: np.random.Generator,
    ) -> None:
        self.stride = stride
        self.kernel = tf.Variable(he_normal((size, size, inputs, outputs), rng), name="kernel")
        self.gamma = tf.Variable(tf.fill([outputs], gamma), name="gamma")
        self.beta = tf.Variable(tf.zeros(outputs), name="beta")
        self.moving_mean = moving_statistic(tf.zeros(outputs), name="moving_mean")
        self.moving_variance = moving_statistic(tf.ones(outputs), name="moving_variance")

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        # Explicit padding would be the same size, but on a CPU its gradients take 12 to 50 times as long.
        kernel = part_in_use(self.kernel, x.shape[1:3], self.stride)
        x = tf.nn.conv2d(x, tf.cast(kernel, x.dtype), self.stride, "SAME")
        # The Keras layer is not fused on a CPU, and the tf.nn function raises epsilon to 1.001e-5.
        normalized = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=BATCH_NORM_EPSILON,
            exponential_avg_factor=1 - BATCH_NORM_MOMENTUM,
            is_training=training,
        )
        if not training:
            return normalized.y
        self.moving_mean.assign(normalized.batch_mean)
        self.moving_variance.assign(normalized.batch_variance)
        return normalized.y


def part_in_use(kernel: tf.Variable, image_size: Sequence[int], stride: int) -> tf.Variable | tf.Tensor:
    """``[height, width, inputs, outputs]`` without what meets padding alone where the output is one pixel.

    Three of the network's kernels on images of 32x32 pixels. The result is the same, but the gradients of the
    whole kernels took 0.1 s each of a step of 0.65 s (64 images, two cores with oneDNN, TensorFlow 2.21).
    """
    height, width = image_size
    rows, columns = kernel.shape[:2]
    if max(height, width) > stride or (rows <= height and columns <= width):
        return kernel
    top, left = (max(size - pixels, 0) // 2 for size, pixels in ((rows, height), (columns, width)))
    return kernel[top : top + height, left : left + width]


def moving_statistic(initial: tf.Tensor, *, name: str) -> tf.Variable:
    """A variable that each replica keeps for itself; reading it outside gives the mean."""
    return tf.Variable(
        initial,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
