"""Two hosts against one host with two devices: the same training, over the framework's own collectives."""

from __future__ import annotations

import json

import pytest
from support.several_hosts import SeveralHosts
from support.shallow_resnet import SHALLOW

pytestmark = [pytest.mark.slow, pytest.mark.hosts, pytest.mark.jax, pytest.mark.tensorflow]

TRAINING = """
import numpy as np


def noise():
    import tensorflow as tf

    rng = np.random.default_rng(0)

    def some(count):
        images = rng.normal(size=(count, 32, 32, 3)).astype("float32")
        return tf.data.Dataset.from_tensor_slices((images, np.arange(count) % 10))

    return some(24), some(10)


def test_training(accel):
    accel.convergence(
        "resnet50", dataset=noise, epochs=1, target=0.01, global_batch=8, warmup_epochs=0, num_classes=10,
        image_size=32,
    )


def test_throughput(accel):
    accel.throughput("resnet50", global_batch=4, image_size=32, learning_rate=0.01)
"""

ARGUMENTS = ("--accel-json=report.json", "--accel-budget=0.5", "--accel-wait=0", "--no-accel-strict")


@pytest.fixture
def hosts(pytester):
    pytester.makeconftest(SHALLOW)
    pytester.makepyfile(test_it=TRAINING)
    several = SeveralHosts(pytester.path)
    yield several
    several.close()


def measured(hosts):
    benchmarks = json.loads((hosts.folder / "report.json").read_text())["benchmarks"]
    return {one["nodeid"].partition("::")[2]: one for one in benchmarks}


@pytest.mark.parametrize("framework", ["tensorflow", "jax"])
def test_hosts_learn_together_what_devices_of_one_host_learn(hosts, framework):
    arguments = (*ARGUMENTS, f"--accel-framework={framework}", "-k", "training")

    for host in hosts.run(*arguments, launcher=framework):
        assert host.code == 0, host.text
        assert "no_baseline  test_it.py::test_training" in host.text
    over_hosts = measured(hosts)["test_training"]
    hosts.sessions.clear()
    hosts.start(0, *arguments, "--accel-devices=2", launcher="none")
    assert hosts.ended(0).code == 0
    over_devices = measured(hosts)["test_training"]

    (curve,), (expected,) = over_hosts["runs"], over_devices["runs"]
    assert curve["epochs"][0]["loss"] == pytest.approx(expected["epochs"][0]["loss"], rel=1e-4)
    assert curve["train_examples"] == expected["train_examples"]
    assert curve["evaluation_examples"] == expected["evaluation_examples"] == 10


def test_each_host_also_trains_its_share_alone(hosts):
    for host in hosts.run(*ARGUMENTS, "-k", "throughput", launcher="tensorflow"):
        assert host.code == 0, host.text
        assert "for its share of a step" in host.text

    metrics = measured(hosts)["test_throughput"]["metrics"]
    assert metrics["throughput_per_device"] == pytest.approx(metrics["throughput"] / 2)
    assert 0 < metrics["slowest_host_step_time_s"] < metrics["step_time_s"]
