"""How long does a training step take? Replace the model, the update and the batch with your own."""

from pytest_accel import Accel

BATCH = 256


def test_training_step(accel: Accel) -> None:
    import numpy as np  # here, so that collecting the tests does not import it

    random = np.random.default_rng(0)
    images, labels = random.normal(size=(BATCH, 784)), random.integers(10, size=BATCH)
    weights = np.zeros((784, 10))

    def train_step():
        logits = images @ weights
        likely = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(likely[np.arange(BATCH), labels]).mean()
        likely[np.arange(BATCH), labels] -= 1
        np.subtract(weights, 0.01 * images.T @ likely / BATCH, out=weights)
        return loss

    accel.measure(train_step, examples_per_step=BATCH)
