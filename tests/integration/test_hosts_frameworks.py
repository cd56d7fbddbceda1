"""Two hosts against one host with two devices: the same training, over the framework's own collectives."""

from __future__ import annotations

import json

import pytest
from several_hosts import SeveralHosts

TRAINING = """
def test_digits(accel):
    accel.convergence("resnet50", dataset="digits", epochs=1, target=0.5, global_batch=480)

def test_throughput(accel):
    accel.throughput("resnet50", global_batch=4, image_size=32, learning_rate=0.01)
"""

ARGUMENTS = ("--accel-json=report.json", "--accel-budget=0.5", "--no-accel-strict")


@pytest.fixture
def hosts(pytester):
    pytester.makepyfile(test_it=TRAINING)
    several = SeveralHosts(pytester.path)
    yield several
    several.close()


def measured(hosts):
    benchmarks = json.loads((hosts.folder / "report.json").read_text())["benchmarks"]
    return {one["nodeid"].partition("::")[2]: one for one in benchmarks}


@pytest.mark.parametrize("framework", ["tensorflow", "jax"])
def test_hosts_learn_together_what_devices_of_one_host_learn(hosts, framework):
    arguments = (*ARGUMENTS, f"--accel-framework={framework}")

    for host in hosts.run(*arguments, launcher=framework):
        assert host.code == 0, host.text
        assert "no_baseline  test_it.py::test_digits" in host.text
        assert "for its share of a step" in host.text
    over_hosts = measured(hosts)
    hosts.sessions.clear()
    hosts.start(0, *arguments, "-k", "digits", "--accel-devices=2", launcher="none")
    assert hosts.ended(0).code == 0
    over_devices = measured(hosts)

    (curve,), (expected,) = (one["test_digits"]["runs"] for one in (over_hosts, over_devices))
    assert curve["epochs"][0]["loss"] == pytest.approx(expected["epochs"][0]["loss"], rel=1e-4)
    assert curve["train_examples"] == expected["train_examples"]
    assert curve["evaluation_examples"] == expected["evaluation_examples"] == 360
    throughput = over_hosts["test_throughput"]["metrics"]
    assert throughput["throughput_per_device"] == pytest.approx(throughput["throughput"] / 2)
