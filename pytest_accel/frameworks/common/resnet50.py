"""ResNet-50 v1.5 as every framework here has it: its shape, its constants, its initial weights.

He et al., "Deep Residual Learning for Image Recognition" (2015), with the change that is known as v1.5: a
block that halves the resolution has its stride in the 3x3 convolution, not in the first 1x1. At 1000 classes
it has 25,557,032 trainable parameters.
"""

from __future__ import annotations

import math

import numpy as np

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride of the first block
STEM_CHANNELS = 64
EXPANSION = 4
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5
CLASSIFIER_SD = 0.01  # Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 5.1


def he_normal(shape: tuple[int, int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Initial values of a kernel ``[height, width, inputs, outputs]``: variance 2 / fan-out.

    He et al., "Delving Deep into Rectifiers" (2015), equation 14.
    """
    height, width, _, outputs = shape
    return _normal(shape, math.sqrt(2 / (height * width * outputs)), rng)


def initial_classifier(channels: int, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Initial weights of the last layer, ``[channels, num_classes]``."""
    return _normal((channels, num_classes), CLASSIFIER_SD, rng)


def _normal(shape: tuple[int, ...], sd: float, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape, np.float32) * np.float32(sd)
