"""ResNet-50 v1.5 in bare TensorFlow.

He et al., "Deep Residual Learning for Image Recognition" (2015), with the change that is known as v1.5: a
block that halves the resolution has its stride in the 3x3 convolution, not in the first 1x1.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride of the first block
EXPANSION = 4
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5
CLASSIFIER_SD = 0.01  # Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 5.1


class ResNet50:
    """The network, from images ``[batch, height, width, 3]`` to logits ``[batch, num_classes]``.

    In training it normalizes by the batch, in evaluation by the moving statistics. All variables are float32;
    ``rng`` draws their initial values. It computes in the type of the images, except for the statistics of
    batch normalization, the pooling at the end and the logits, which are float32. At 1000 classes it has
    25,557,032 trainable parameters.
    """

    def __init__(self, num_classes: int, rng: np.random.Generator) -> None:
        self.stem = ConvolutionBatchNorm(3, 64, size=7, stride=2, rng=rng)
        self.blocks: list[Bottleneck] = []
        channels = 64
        for width, blocks, first_stride in STAGES:
            for stride in (first_stride, *[1] * (blocks - 1)):
                self.blocks.append(Bottleneck(channels, width, stride, rng))
                channels = width * EXPANSION
        weights = rng.standard_normal((channels, num_classes), np.float32) * np.float32(CLASSIFIER_SD)
        self.classifier = tf.Variable(weights, name="classifier")
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
        x = tf.nn.conv2d(x, tf.cast(self.kernel, x.dtype), self.stride, "SAME")
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


def he_normal(shape: tuple[int, int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Initial values of a kernel ``[height, width, inputs, outputs]``: variance 2 / fan-out.

    He et al., "Delving Deep into Rectifiers" (2015), equation 14.
    """
    height, width, _, outputs = shape
    return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / (height * width * outputs)))


def moving_statistic(initial: tf.Tensor, *, name: str) -> tf.Variable:
    """A variable that each replica keeps for itself; reading it outside gives the mean."""
    return tf.Variable(
        initial,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
