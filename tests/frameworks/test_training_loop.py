"""What training is in every framework: the schedule, which variables are frozen, the digits."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_accel.frameworks.common.digits import Digits, resized
from pytest_accel.frameworks.common.frozen_variables import (
    STEPS_UNTIL_ALL_CHANGE,
    Variable,
    checksums,
    frozen,
)
from pytest_accel.frameworks.common.schedule import learning_rate


def test_the_rate_warms_up_and_then_falls_to_nothing():
    rates = [learning_rate(step, highest=0.1, warmup_steps=20, steps=100) for step in range(100)]
    assert rates[0] == pytest.approx(0.005)
    assert max(rates) == rates[20] == pytest.approx(0.1)
    assert rates == sorted(rates[:21]) + sorted(rates[21:], reverse=True)
    assert 0 < rates[-1] < 1e-3


def variable(value, momentum, name="kernel"):
    return Variable(name, np.full((3, 3), value, np.float32), np.full((3, 3), momentum, np.float32))


@pytest.mark.parametrize(
    ("now", "steps", "named"),
    [
        (variable(1.0, 0.5), STEPS_UNTIL_ALL_CHANGE, ("variable 2 of 2 (kernel 3x3)",)),
        (variable(1.0, 0.0), STEPS_UNTIL_ALL_CHANGE, ("variable 2 of 2 (kernel 3x3)",)),
        (variable(1.5, 0.5), STEPS_UNTIL_ALL_CHANGE, ()),
        (variable(1.0, 0.5), STEPS_UNTIL_ALL_CHANGE - 1, ()),
        (variable(1.0, 1e-8), STEPS_UNTIL_ALL_CHANGE, ()),
    ],
    ids=["not updated", "no gradient", "changed", "no time to change", "too small to add"],
)
def test_a_variable_that_could_have_changed_and_did_not_is_named(now, steps, named):
    initial = checksums([variable(0.0, 0.0), variable(1.0, 0.0)])
    assert frozen([variable(2.0, 0.5), now], initial, steps=steps, learning_rate=0.1) == named


@pytest.mark.tensorflow
@pytest.mark.parametrize("size", [32, 33, 5, 224])
def test_digits_are_resized_as_tensorflow_does(size):
    import tensorflow as tf

    images = np.random.default_rng(0).integers(17, size=(20, 8, 8)).astype(np.float32)
    ours, theirs = resized(images, size), tf.image.resize(images[..., np.newaxis], [size, size])
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs[..., 0], rtol=0, atol=16 * 2e-6)


def test_digits_are_normal_and_differ_by_seed():
    one, other = (Digits(64, 32, 10, seed).training(0) for seed in (0, 1))
    assert not np.array_equal(one[1], other[1])
    images, labels = Digits(64, 32, 10, 0).evaluation()
    assert images.shape == (384, 32, 32, 3)
    assert (labels == -1).sum() == 384 - 360
    assert images[:360].mean() == pytest.approx(0, abs=0.1)
    assert images[:360].std() == pytest.approx(1, abs=0.1)
