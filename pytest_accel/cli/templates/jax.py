"""How long does a training step take? Replace the model, the update and the batch with your own."""

from pytest_accel import Accel

BATCH = 256


def test_training_step(accel: Accel) -> None:
    import jax  # here, so that collecting the tests does not import it
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.key(0), 3)
    images = jax.random.normal(keys[0], (BATCH, 784))
    labels = jax.random.randint(keys[1], (BATCH,), 0, 10)
    weights = {"hidden": 0.03 * jax.random.normal(keys[2], (784, 512)), "output": jnp.zeros((512, 10))}

    def cross_entropy(weights, images, labels):
        logits = jax.nn.relu(images @ weights["hidden"]) @ weights["output"]
        return -jax.nn.log_softmax(logits)[jnp.arange(BATCH), labels].mean()

    @jax.jit
    def train_step(weights, images, labels):
        loss, gradients = jax.value_and_grad(cross_entropy)(weights, images, labels)
        return jax.tree.map(lambda weight, gradient: weight - 0.01 * gradient, weights, gradients), loss

    accel.measure(train_step, state=weights, batch=(images, labels), examples_per_step=BATCH)
