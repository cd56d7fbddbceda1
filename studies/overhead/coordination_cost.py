"""What it costs to let several hosts take orders: a bare loop of the same step around each measurement.

    python studies/overhead/coordination_cost.py [--framework=jax] [--runs=11]

Two processes on this machine train a small network together, by the framework's own collectives over
loopback. In each of them a bare loop takes blocks of as many steps before and after the measuring call, in
all about as many as that takes; a block took as long as on the slower of the two, in both. The ratio of a run
is that of the median bare block to the median block of pytest-accel: fastest blocks would not compare, since
they are of more or fewer. Printed are the median of the runs and each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pytest_accel.gate.step_timing import EXTRA_RUNS

PORT = 8930

SECONDS = 10
"""What pytest-accel takes blocks for in each run; the bare loop has as long, half before and half after."""

SESSION = """
import json
import os
import time

from pytest_accel.runs.time_blocks import MIN_BLOCK_ON_HOSTS_S, long_enough

BLOCKS = 10


def blocks_s(step, steps):
    times_s = []
    for _ in range(BLOCKS):
        start = time.perf_counter()
        for _ in range(steps - 1):
            step()
        float(step())
        times_s.append((time.perf_counter() - start) / steps)
    return times_s


def test_cost(accel):
    step = make_step()
    blocks_s(step, 4)
    steps = long_enough(min(blocks_s(step, 4)), MIN_BLOCK_ON_HOSTS_S)
    before_s = blocks_s(step, steps)
    ours = accel.measure(step, examples_per_step=256)
    seen = {
        "bare_s": before_s + blocks_s(step, steps),
        "ours_s": ours.metrics["median_step_time_s"],
    }
    with open("host" + os.environ["HOST"] + ".jsonl", "a") as file:
        file.write(json.dumps(seen) + "\\n")
"""

STEPS = {
    "tensorflow": """
def make_step():
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        images = tf.Variable(tf.random.stateless_normal((128, 784), (0, 0)), trainable=False)
        weights = [tf.Variable(tf.random.stateless_normal(shape, (0, 1)) * 0.03)
                   for shape in ((784, 1024), (1024, 1024), (1024, 10))]

    def replica():
        with tf.GradientTape() as tape:
            x = images.read_value()
            for w in weights:
                x = tf.nn.relu(x @ w)
            loss = tf.reduce_mean(x * x)
        gradients = tf.distribute.get_replica_context().all_reduce("SUM", tape.gradient(loss, weights))
        for w, g in zip(weights, gradients):
            tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=0.01, delta=g)
        return loss

    return tf.function(lambda: strategy.reduce("MEAN", strategy.run(replica), axis=None))
""",
    "jax": """
def make_step():
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    jax.distributed.initialize(
        os.environ["JAX_COORDINATOR_ADDRESS"],
        int(os.environ["JAX_NUM_PROCESSES"]),
        int(os.environ["JAX_PROCESS_ID"]),
    )
    mesh = Mesh(np.array(jax.devices()), ("hosts",))
    shapes = ((784, 1024), (1024, 1024), (1024, 10))
    rng = np.random.default_rng(0)
    everywhere = NamedSharding(mesh, P())
    weights = [jax.device_put((rng.normal(size=s) * 0.03).astype("f4"), everywhere) for s in shapes]
    images = jax.make_array_from_process_local_data(
        NamedSharding(mesh, P("hosts")), rng.normal(size=(128, 784)).astype("f4"))

    def loss(weights, x):
        for w in weights:
            x = jax.nn.relu(x @ w)
        return jnp.mean(x * x)

    @jax.jit
    def train(weights, x):
        value, gradients = jax.value_and_grad(loss)(weights, x)
        return [w - 0.01 * g for w, g in zip(weights, gradients)], value

    state = [weights]

    def step():
        state[0], value = train(state[0], images)
        return value

    return step
""",
}


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--framework", choices=tuple(STEPS), default="jax")
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = measured(Path(folder), options.framework, options.runs)
    print(f"{options.framework}, 2 processes, {len(seen)} runs: bare / ours {statistics.median(seen):.4f}")
    print("each run:", " ".join(f"{ratio:.3f}" for ratio in sorted(seen)))


def measured(folder: Path, framework: str, runs: int) -> list[float]:
    """The ratio of every run."""
    budget = f"--accel-budget={SECONDS * (runs + EXTRA_RUNS)}"
    command = [sys.executable, "-m", "pytest", "-q", "--accel=cpu", "--no-accel-strict", budget]
    (folder / "test_cost.py").write_text(SESSION + STEPS[framework])
    sessions = [
        subprocess.Popen([*command, f"--accel-runs={runs}"], cwd=folder, env=variables(framework, index))
        for index in range(2)
    ]
    codes = [session.wait() for session in sessions]
    if any(codes):
        raise SystemExit("the sessions failed")
    hosts = [
        [json.loads(line) for line in (folder / f"host{index}.jsonl").read_text().splitlines()]
        for index in range(2)
    ]
    return [ratio(*run) for run in zip(*hosts, strict=True)]


def ratio(first: dict[str, Any], second: dict[str, Any]) -> float:
    """Bare to ours in one run, from what its two processes saw; ours is the same in both."""
    bare_s: list[float] = [max(block) for block in zip(first["bare_s"], second["bare_s"], strict=True)]
    ours_s: float = first["ours_s"]
    return statistics.median(bare_s) / ours_s


def variables(framework: str, index: int) -> dict[str, str]:
    if framework == "tensorflow":
        workers = [f"127.0.0.1:{PORT + one}" for one in range(2)]
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        return {**os.environ, "HOST": str(index), "TF_CONFIG": json.dumps(task)}
    return {
        **os.environ,
        "HOST": str(index),
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{PORT}",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": str(index),
    }


if __name__ == "__main__":
    main()
