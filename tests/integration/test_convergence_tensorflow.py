"""Real training in real processes that are killed, and what the next session makes of that."""

from __future__ import annotations

import json

import pytest
from support.shallow_resnet import SHALLOW

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

BENCHMARK = """
import os

import numpy as np


def ended_here(place):
    if os.environ.get("ENDED") == place:
        os.kill(os.getpid(), 9)


def stripes():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    images = rng.normal(size=(24, 32, 32, 3)).astype(np.float32)
    images[labels == 1, ::2] += 2
    seen = []

    def training():
        for number in range(16):
            seen.append(number)
            if len(seen) == 56:  # one batch to compile, which reads ahead, and then the third epoch
                ended_here("while training")
            yield images[number], labels[number]

    of_image = tf.TensorSpec([32, 32, 3], tf.float32), tf.TensorSpec([], tf.int64)
    generated = tf.data.Dataset.from_generator(training, output_signature=of_image)
    training_set = generated.apply(tf.data.experimental.assert_cardinality(16))
    return training_set, tf.data.Dataset.from_tensor_slices((images[16:], labels[16:]))


def test_stripes(accel, monkeypatch):
    saved, savez = [], np.savez

    def saved_or_ended(*arguments, **named):
        saved.append(savez(*arguments, **named))
        ended_here("while saving")

    monkeypatch.setattr(np, "savez", saved_or_ended)
    accel.convergence(
        "resnet50", dataset=stripes, epochs=4, target=0.1, global_batch=8, image_size=32, num_classes=2,
        learning_rate=0.02, warmup_epochs=1,
    )
"""


@pytest.fixture
def session(pytester, monkeypatch):
    """Trains; ``session(ended)`` is killed at that place. Gives the benchmark of the JSON report."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(SHALLOW)
    pytester.makepyfile(test_stripes=BENCHMARK)

    def run(ended="", *arguments):
        monkeypatch.setenv("ENDED", ended)
        pytester.runpytest_subprocess("--accel=cpu", "--accel-json=report.json", *arguments)
        (benchmark,) = json.loads((pytester.path / "report.json").read_text())["benchmarks"]
        return benchmark

    return run


def numbers(benchmark):
    return [(epoch["loss"], epoch["top1"], epoch["top5"]) for epoch in benchmark["runs"][0]["epochs"]]


def kept(pytester):
    return sorted(path.name for path in pytester.path.glob(".pytest_cache/d/accel-checkpoints/*/seed-0/*"))


def test_training_that_is_killed_and_killed_again_comes_to_the_same_curve(session, pytester):
    uninterrupted = session("", "-p", "no:cacheprovider")
    assert uninterrupted["outcome"] == "no_baseline"

    killed = session("while training")
    assert killed["outcome"] == "invalid"
    assert "training epoch 3" in killed["reason"]
    assert kept(pytester) == ["after-00002"]

    killed = session("while saving")
    assert killed["outcome"] == "invalid"
    whole, half = kept(pytester)
    assert whole == "after-00002"
    assert half.startswith("after-00003.")
    assert half.endswith(".tmp")

    resumed = session()
    assert numbers(resumed) == numbers(uninterrupted)
    assert kept(pytester) == []
