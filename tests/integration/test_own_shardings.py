"""--accel-topology: steps with a mesh and shardings of their own are compiled as they are written."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tpu_compiler,
    pytest.mark.jax,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("jax", "libtpu"))), reason="compiles with JAX and libtpu"
    ),
]

SOURCE = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.sharding import NamedSharding, PartitionSpec as P

def trained(weights, images, forward):
    loss, gradient = jax.value_and_grad(lambda weights: jnp.mean(forward(images @ weights) ** 2))(weights)
    return weights - 0.1 * gradient, loss

def on_mesh(mesh):
    weights = jax.device_put(np.ones([512, 1024], np.float32), NamedSharding(mesh, P(None, "model")))
    images = jax.device_put(np.ones([256, 512], np.float32), NamedSharding(mesh, P("data", None)))
    return weights, images

def test_placed(accel):
    weights, images = on_mesh(accel.mesh(("data", "model"), (2, 2)))
    step = jax.jit(lambda weights, images: trained(weights, images, lambda x: x), donate_argnums=0)
    accel.measure(step, state=weights, batch=(images,), examples_per_step=256)

def test_not_donated(accel):
    weights, images = on_mesh(accel.mesh(("data", "model"), (-1, 2)))
    step = jax.jit(lambda weights, images: trained(weights, images, lambda x: x))
    accel.measure(step, state=weights, batch=(images,), examples_per_step=256)

def test_shard_map(accel):
    mesh = accel.mesh(("data", "model"), (2, 2))
    weights, images = on_mesh(mesh)
    place = P("data", "model")

    def normalized(x):
        return x - jax.lax.pmean(x.mean(), "model")

    def step(weights, images):
        forward = jax.shard_map(normalized, mesh=mesh, in_specs=place, out_specs=place)
        return trained(weights, images, forward)

    accel.measure(step, state=weights, batch=(images,), examples_per_step=256)

def test_pallas(accel):
    mesh = accel.mesh(("data", "model"), (2, 2))
    weights, images = on_mesh(mesh)
    place = P("data", "model")

    def kernel(x, y):
        y[...] = 2 * x[...]

    def doubled(x):
        return pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype))(x)

    def step(weights, images):
        forward = jax.shard_map(doubled, mesh=mesh, in_specs=place, out_specs=place, check_vma=False)
        x = forward(images @ weights)
        return weights - 0.1 * images.T @ x, x.mean()

    accel.measure(jax.jit(step), state=weights, batch=(images,), examples_per_step=256)

def test_other_mesh(accel):
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("data",))
    weights = jax.device_put(np.ones([512, 1024], np.float32), NamedSharding(mesh, P()))
    step = jax.jit(lambda weights, images: trained(weights, images, lambda x: x))
    accel.measure(step, state=weights, batch=(np.ones([256, 512], np.float32),), examples_per_step=256)

def test_impossible_mesh(accel):
    accel.mesh(("data", "model"), (3, 2))
"""

SHARD_OF_WEIGHTS = 512 * 512 * 4


def test_each_is_compiled_as_it_is_written(compiled):
    result = compiled(SOURCE, topology="v5litepod-4")
    of = {benchmark["nodeid"].partition("::")[2]: benchmark for benchmark in result.benchmarks}
    runs = {name: benchmark["runs"][0] for name, benchmark in of.items() if benchmark["runs"]}

    for name, run in runs.items():
        assert run["argument_bytes"] == SHARD_OF_WEIGHTS + 128 * 512 * 4, name
        assert SHARD_OF_WEIGHTS <= run["result_bytes"] < 1.01 * SHARD_OF_WEIGHTS, name
    assert runs["test_placed"]["aliased_bytes"] == SHARD_OF_WEIGHTS
    assert runs["test_not_donated"]["aliased_bytes"] == 0
    assert runs["test_shard_map"]["aliased_bytes"] == SHARD_OF_WEIGHTS
    # The gradient is exchanged along the data, and never the weights.
    assert runs["test_placed"]["operations"]["all-reduce"]["exchanged_bytes"] < 1.01 * SHARD_OF_WEIGHTS
    assert runs["test_pallas"]["operations"]["custom calls tpu_custom_call"]["count"] == 1

    assert of["test_other_mesh"]["outcome"] == "invalid"
    assert (
        "is written for 2 devices, and v5litepod-4 has 4: make its mesh with accel.mesh(axes, shape)"
        in of["test_other_mesh"]["reason"]
    )
    assert (
        "accel.mesh(('data', 'model'), (3, 2)): 4 devices cannot lie so: give one size for each axis"
        in result.stdout.str()
    )


def test_a_mesh_of_one_device_is_one_too(compiled):
    source = SOURCE.replace("(2, 2)", "(1, 1)")
    result = compiled(source, "-k", "shard_map", topology="v5litepod-1")
    assert result.benchmark["outcome"] == "no_baseline", result.benchmark["reason"]
    assert result.benchmark["runs"][0]["argument_bytes"] == 4 * 512 * (1024 + 256)


def test_a_lost_donation_regresses_and_is_named(compiled, pytester):
    donated = SOURCE.partition("def test_not_donated")[0]
    large = donated.replace("[512, 1024]", "[4096, 8192]").replace("[256, 512]", "[256, 4096]")
    recorded = compiled(large, "--accel-update-baselines", topology="v5litepod-4")
    assert recorded.benchmark["outcome"] == "recorded"
    lost = compiled(large.replace(", donate_argnums=0", ""), topology="v5litepod-4")
    assert lost.benchmark["outcome"] == "regressed"
    assert "peak memory +" in lost.benchmark["reason"]
    assert "64 MiB of the state no longer reused (donation lost?)" in lost.benchmark["reason"]


def test_the_same_test_runs_on_the_devices_that_are_here(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(test_it=SOURCE)
    result = pytester.run(
        sys.executable,
        *("-m", "pytest", "--accel=cpu", "--accel-devices=4", "--accel-json=report.json"),
        *("--accel-budget=1", "--accel-wait=0", "-k", "placed or impossible"),
    )
    placed, impossible = json.loads((pytester.path / "report.json").read_text())["benchmarks"]
    assert placed["outcome"] == "no_baseline", placed["reason"]
    assert placed["metrics"]["step_time_s"] > 0
    assert impossible["outcome"] == "invalid"
    result.stdout.fnmatch_lines(["*accel.mesh(('data', 'model'), (3, 2)): 4 devices cannot lie so*"])
