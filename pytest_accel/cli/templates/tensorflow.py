"""How long does a training step take? Replace the model, the optimizer and the batch with your own."""

from pytest_accel import Accel

BATCH = 256


def test_training_step(accel: Accel) -> None:
    import tensorflow as tf  # here, so that collecting the tests does not import it

    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((784,)),
            tf.keras.layers.Dense(512, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )
    optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(model.trainable_variables)
    cross_entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images = tf.random.stateless_normal((BATCH, 784), seed=(0, 0))
    labels = tf.random.stateless_uniform((BATCH,), seed=(0, 1), maxval=10, dtype=tf.int32)

    @tf.function
    def train_step():
        with tf.GradientTape() as tape:
            loss = cross_entropy(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    accel.measure(train_step, examples_per_step=BATCH)
