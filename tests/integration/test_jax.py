"""JAX as the framework under test: real sessions, real worker processes, real steps."""

from __future__ import annotations

import dataclasses
import json

import pytest
from support.shallow_resnet import SHALLOW

from pytest_accel.baselines import file_format

pytestmark = pytest.mark.jax

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
def session(pytester, monkeypatch):
    """``session(*arguments)`` runs the one benchmark there is; gives what the JSON report says of it."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(SHALLOW)

    def run(*arguments):
        pytester.runpytest_subprocess(
            "--accel=cpu",
            "--accel-budget=0.5",
            "--accel-wait=0",
            "--accel-json=report.json",
            *arguments,
            timeout=300,
        )
        (benchmark,) = json.loads((pytester.path / "report.json").read_text())["benchmarks"]
        return benchmark

    return run


def baselines(pytester):
    """Those stored, by framework."""
    folder = pytester.path / "baselines"
    return {file.relative_to(folder).parts[1]: file for file in folder.rglob("*.json")}


@pytest.mark.slow
@pytest.mark.tensorflow
def test_throughput_has_baselines_of_its_own(pytester, session):
    pytester.makepyfile(test_it=THROUGHPUT)
    assert session("--accel-update-baselines")["outcome"] == "recorded"
    before = baselines(pytester)["tensorflow"].read_bytes()

    seen = session("--accel-framework=jax")
    assert seen["outcome"] == "no_baseline"
    assert seen["comparisons"] == []
    assert seen["workload"]["framework"] == "jax"
    assert seen["metrics"]["throughput"] > 0

    assert session("--accel-framework=jax", "--accel-update-baselines")["outcome"] == "recorded"
    after = baselines(pytester)
    assert after.keys() == {"tensorflow", "jax"}
    assert after["tensorflow"].read_bytes() == before
    assert "jax" in json.loads(after["jax"].read_text())["accepted"][0]["provenance"]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_training_comes_to_the_same_curve_in_another_process(pytester, session):
    pytester.makepyfile(test_it=TRAINING)
    first, second = session(), session()
    assert first["outcome"] == "no_baseline"
    assert first["workload"]["framework"] == "jax"
    (epoch,), (again,) = (each["runs"][0]["epochs"] for each in (first, second))
    assert epoch["top5"] == 1
    for what in ("loss", "top1", "top5"):
        assert epoch[what] == again[what]


def test_a_step_of_your_own_in_jax_is_filed_under_jax(pytester, session):
    pytester.makepyfile(test_it=OWN_STEP)
    assert session("--accel-update-baselines")["outcome"] == "recorded"
    assert baselines(pytester).keys() == {"jax"}


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_baseline_that_an_earlier_version_stored_under_tensorflow_is_found_with_a_note(pytester, session):
    pytester.makepyfile(test_it=f"import tensorflow\n{OWN_STEP}")
    session("--accel-update-baselines")
    jax = baselines(pytester)["jax"]
    tensorflow = pytester.path / jax.relative_to(pytester.path).as_posix().replace("/jax/", "/tensorflow/")
    tensorflow.parent.mkdir(parents=True)
    stored = file_format.loads(jax.read_bytes())
    workload = dataclasses.replace(stored.workload, framework="tensorflow")
    tensorflow.write_bytes(file_format.dumps(dataclasses.replace(stored, workload=workload)))
    jax.unlink()

    seen = session("--accel-tolerance=99%")
    assert seen["outcome"] not in ("no_baseline", "incomparable", "invalid")
    assert seen["comparisons"]
    (note,) = (note for note in seen["notes"] if "stored under" in note)
    assert note.startswith("this step uses jax, and its baseline is stored under tensorflow")
    assert f"delete {tensorflow} and record it again" in note
