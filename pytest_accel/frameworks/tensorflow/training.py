"""Training by momentum SGD: the loss, its gradients and the update of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from pytest_accel.frameworks.tensorflow.resnet import ResNet50


@dataclass(frozen=True)
class Hyperparameters:
    """The options of training, by their names in the literature."""

    num_classes: int
    learning_rate: float
    momentum: float
    weight_decay: float
    label_smoothing: float


class Trainer:
    """One replica's share of training steps.

    In float16 the loss is scaled, since small gradients would become 0. The learning rate is that of the
    recipe, unless ``learning_rate`` is set to a variable. To be made in the scope of the strategy that runs
    it.
    """

    def __init__(
        self, model: ResNet50, recipe: Hyperparameters, compute_type: tf.DType = tf.float32, replicas: int = 1
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.replicas = replicas
        self.learning_rate: float | tf.Variable = recipe.learning_rate
        self.variables = model.trainable_variables
        self.momentum_buffers = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in self.variables]
        self.loss_scale = LossScale() if compute_type == tf.float16 else None

    def step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Update the weights once. Gives this replica's share of the loss before that, a float32 scalar.

        ``images`` are ``[batch, height, width, 3]`` in the type that the model computes in, ``labels`` are
        ``[batch]`` class numbers.
        """
        loss, gradients = self.gradients(images, labels)
        self.apply(tf.distribute.get_replica_context().all_reduce("SUM", gradients))
        return loss

    def gradients(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """This replica's share of the loss, and of its gradients, scaled in float16."""
        with tf.GradientTape() as tape:
            loss = self.loss(images, labels) / self.replicas
            scaled_loss = loss if self.loss_scale is None else loss * self.loss_scale.value.read_value()
        return loss, tape.gradient(scaled_loss, self.variables)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Update the weights by the sum of all replicas' gradients, unless that overflowed."""
        if self.loss_scale is None:
            self.update(gradients)
            return
        scale = self.loss_scale.value.read_value()
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        tf.cond(finite, lambda: self.update([g / scale for g in gradients]), lambda: None)
        self.loss_scale.adjust(finite)

    def loss(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Mean cross entropy of this replica's batch, and the L2 decay of the kernels.

        Label smoothing spreads that part of a target evenly over all classes (Szegedy et al., "Rethinking
        the Inception Architecture", 2015, section 7).
        """
        recipe = self.recipe
        spread = recipe.label_smoothing / recipe.num_classes
        targets = tf.one_hot(labels, recipe.num_classes, 1 - recipe.label_smoothing + spread, spread)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, self.model(images)))
        if recipe.weight_decay:
            loss += recipe.weight_decay * tf.add_n([tf.nn.l2_loss(kernel) for kernel in self.model.kernels])
        return loss

    def update(self, gradients: Sequence[tf.Tensor]) -> None:
        """Momentum SGD, one fused operation a variable."""
        for variable, momentum, gradient in zip(
            self.variables, self.momentum_buffers, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=momentum.handle,
                lr=self.learning_rate,
                grad=gradient,
                momentum=self.recipe.momentum,
            )


class LossScale:
    """A factor on the loss that keeps gradients inside the range of float16.

    It is halved when a gradient overflows (that step leaves the weights alone) and doubled after 2000 steps
    in which none did: Micikevicius et al., "Mixed Precision Training" (2018), section 3.2, with the constants
    of ``keras.mixed_precision.LossScaleOptimizer``.
    """

    INITIAL = 2.0**15
    GROWTH_STEPS = 2000

    def __init__(self) -> None:
        same_everywhere = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.value = tf.Variable(self.INITIAL, trainable=False, aggregation=same_everywhere)
        self.good_steps = tf.Variable(0, trainable=False, dtype=tf.int64, aggregation=same_everywhere)

    def adjust(self, finite: tf.Tensor) -> None:
        """Take note of a step; ``finite`` is a boolean scalar, whether all its gradients were."""
        good_steps = tf.cast(finite, tf.int64) * (self.good_steps + 1)
        factor = tf.where(finite, tf.where(good_steps == self.GROWTH_STEPS, 2.0, 1.0), 0.5)
        self.value.assign(tf.maximum(1.0, self.value * factor))
        self.good_steps.assign(good_steps % self.GROWTH_STEPS)
