"""JAX as the framework under test: real sessions, real child processes, real steps."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("jax")

THROUGHPUT = """
def test_resnet50(accel):
    accel.throughput("resnet50", global_batch=4, image_size=32, num_classes=10)
"""

TRAINING = """
import numpy as np
import pytest


def stripes():
    import tensorflow as tf

    labels = np.arange(24) % 2
    images = np.random.default_rng(0).normal(size=(24, 32, 32, 3)).astype(np.float32)
    images[labels == 1, ::2] += 2
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.take(16), dataset.skip(16)


@pytest.mark.accel(framework="jax")
def test_stripes(accel):
    accel.convergence(
        "resnet50", dataset=stripes, epochs=1, target=0.1, global_batch=4, image_size=32, num_classes=2,
        learning_rate=0.02, warmup_epochs=0,
    )
"""

OWN_STEP = """
def test_own_step(accel):
    import jax

    weights = jax.numpy.ones((64, 64))
    step = jax.jit(lambda: (weights @ weights).mean())
    result = accel.measure(step, examples_per_step=64)
    assert result.loss == 64
"""


@pytest.fixture
def session(project):
    """``session(*arguments)`` runs the project's benchmark; gives what the JSON report says of it."""

    def run(*arguments):
        report = project.report("--accel=cpu", "--accel-budget=0.5", *arguments, subprocess=True)
        (benchmark,) = report["benchmarks"]
        return benchmark

    return run


def test_throughput_has_baselines_of_its_own(project, session):
    project.benchmark(THROUGHPUT)
    assert session("--accel-update-baselines")["outcome"] == "recorded"
    tensorflow = project.baseline_file
    of_tensorflow = tensorflow.read_bytes()

    seen = session("--accel-framework=jax")
    assert seen["outcome"] == "no_baseline"
    assert seen["comparisons"] == []
    assert seen["workload"]["framework"] == "jax"
    assert seen["metrics"]["throughput"] > 0

    assert session("--accel-framework=jax", "--accel-update-baselines")["outcome"] == "recorded"
    (jax,) = set(project.baseline_files) - {tensorflow}
    assert jax.relative_to(project.path / "baselines").parts[1] == "jax"
    assert tensorflow.read_bytes() == of_tensorflow
    accepted = json.loads(jax.read_text())["accepted"][0]
    assert "jax" in accepted["provenance"]
    assert all(run["losses"][0] > 1 for run in accepted["runs"] if run.get("losses"))


def test_training_comes_to_the_same_curve_in_another_process(project, session):
    project.benchmark(TRAINING)
    first, second = session(), session()
    assert first["outcome"] == "no_baseline"
    assert first["workload"]["framework"] == "jax"
    (curve,), (again,) = ([run["epochs"] for run in each["runs"]] for each in (first, second))
    for epoch, other in zip(curve, again, strict=True):
        assert [epoch[what] for what in ("loss", "top1", "top5")] == [
            other[what] for what in ("loss", "top1", "top5")
        ]
    assert curve[0]["top5"] == 1


def test_a_step_of_your_own_in_jax_is_filed_under_jax(project, session):
    project.benchmark(OWN_STEP)
    assert session("--accel-update-baselines")["outcome"] == "recorded"
    assert project.baseline_file.relative_to(project.path / "baselines").parts[1] == "jax"
