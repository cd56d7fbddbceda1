"""--accel-topology: steps compiled for a TPU that is not here, by the real compiler, and judged."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.tpu_compiler, pytest.mark.jax, pytest.mark.tensorflow]

needs_compiler = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("jax", "libtpu"))), reason="compiles with JAX and libtpu"
)

TENSORFLOW = """
import tensorflow as tf

def test_step(accel):
    weights = tf.ones([3, 16])

    def step(weights, images):
        images = {images}
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_mean(tf.square(images @ weights))
        return weights - 0.1 * tape.gradient(loss, weights), loss

    accel.measure(step, state=weights, batch=(tf.ones([{batch}, 3]),), examples_per_step={batch})
    raise AssertionError("a step that did not run has no numbers to look at")
"""

JAX = """
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

def test_step(accel):
    def step(weights, images):
        images = {images}
        loss, gradient = jax.value_and_grad(lambda w: jnp.mean(jnp.square(images @ w)))(weights)
        return weights - 0.1 * gradient, loss

    accel.measure(step, state=jnp.ones([3, 16]), batch=(jnp.ones([{batch}, 3]),), examples_per_step={batch})
    raise AssertionError("a step that did not run has no numbers to look at")
"""

FORMS = {"tensorflow": TENSORFLOW, "jax": JAX}


@needs_compiler
@pytest.mark.parametrize("framework", FORMS)
def test_a_program_is_recorded_and_compared_and_what_changed_is_named(compiled, pytester, framework):
    form = FORMS[framework]
    recorded = compiled(form.format(images="images", batch=65536), "--accel-update-baselines")
    assert recorded.benchmark["outcome"] == "recorded"
    (file,) = (pytester.path / "baselines").rglob("*.json")
    assert file.relative_to(pytester.path / "baselines").parts[:2] == ("aot-tpu-v2-8", framework)
    (run,) = recorded.benchmark["runs"]
    assert (run["partitioning"], run["devices"]) == ("spmd", 8)
    assert run["operations"]["all-reduce"]["count"] >= 1
    assert {"jax", "jaxlib", "libtpu"} <= recorded.benchmark["provenance"].keys()

    again = compiled(form.format(images="images", batch=65536), "-p", "no:cacheprovider")
    assert again.ret == pytest.ExitCode.OK
    assert again.benchmark["outcome"] == "passed"
    assert [one["change"] for one in again.benchmark["comparisons"]] == pytest.approx([0] * 4, abs=1e-6)
    assert again.benchmark["reason"] == "the program is the same"

    wider = {
        "tensorflow": "tf.tanh(images @ tf.ones([3, 4096])) @ tf.ones([4096, 3])",
        "jax": "jnp.tanh(images @ jnp.ones([3, 4096])) @ jnp.ones([4096, 3])",
    }
    slower = compiled(form.format(images=wider[framework], batch=65536))
    assert slower.ret == pytest.ExitCode.TESTS_FAILED
    assert slower.benchmark["outcome"] == "regressed"
    assert "for each device: modelled step time +" in slower.benchmark["reason"]
    assert "because of matmuls f32" in slower.benchmark["reason"]


@needs_compiler
def test_what_was_compiled_before_is_not_compiled_again(compiled, pytester):
    source = JAX.format(images="images", batch=64)
    first = compiled(source).benchmark
    (kept,) = pytester.path.glob(".pytest_cache/d/accel-programs/*.json")
    written = kept.stat().st_mtime_ns
    second = compiled(source).benchmark
    assert kept.stat().st_mtime_ns == written
    assert second["runs"][0]["compile_time_s"] == first["runs"][0]["compile_time_s"]
    kept.write_text(kept.read_text()[:100])
    assert compiled(source).benchmark["metrics"]["flops"] == first["metrics"]["flops"]
    assert kept.stat().st_mtime_ns != written


@needs_compiler
@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rn", "true"], check=False).returncode != 0,
    reason="takes the network away with Linux namespaces",
)
def test_compiling_asks_no_network(compiled):
    result = compiled(JAX.format(images="images", batch=64), around=("unshare", "-rn"))
    assert result.benchmark["outcome"] == "no_baseline"
    assert result.benchmark["metrics"]["flops"] > 0


@needs_compiler
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            JAX.format(images="images", batch=63),
            "global batch of 63 does not divide by the 8 devices of v2-8",
        ),
        (TENSORFLOW.format(images="images", batch=63), "global batch of 63 does not divide by the 8 devices"),
        (
            JAX.format(images="images", batch=64).replace("jnp.ones([64, 3])", "jnp.ones([8, 3])"),
            "no array of batch= has examples_per_step=64 rows: its shapes are (8, 3)",
        ),
        (
            TENSORFLOW.format(images="images", batch=64).replace("tf.ones([64, 3])", "tf.ones([8, 3])"),
            "no array of batch= has examples_per_step=64 rows: its shapes are (8, 3)",
        ),
        (JAX.format(images="images if images[0, 0] > 0 else 0", batch=64), "JAX cannot trace this step"),
        (
            TENSORFLOW.format(images="tf.numpy_function(abs, [images], tf.float32)", batch=64),
            "XLA cannot comp",
        ),
        (
            "import jax\n\ndef test_step(accel):\n    accel.measure(lambda: 0, examples_per_step=8)",
            "call accel.measure(step, state=..., batch=..., examples_per_step=...) with step(state, *batch)",
        ),
        (
            "def test_step(accel):\n    accel.measure(lambda s: (s, 0), state=0, examples_per_step=8)",
            "compiles steps of tensorflow and jax, and this one is of python",
        ),
        (
            "import jax.numpy as jnp\n\ndef test_step(accel):\n"
            "    accel.measure(lambda s, x: (s, 0), state=0, batch=(jnp.ones([8, 2]),), examples_per_step=8)",
            "The step uses no array of batch=",
        ),
        (
            "import jax, jax.numpy as jnp\n\ndef test_step(accel):\n"
            "    accel.measure(lambda s, x: (s, x @ x.T), state=0, batch=(jnp.ones([2**17, 8]),), "
            "examples_per_step=2**17)",
            "does not fit into the memory of a device of v2-8: it needs",
        ),
    ],
)
def test_what_cannot_be_compiled_is_told(compiled, source, said):
    result = compiled(source)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.benchmark["outcome"] == "invalid"
    assert said in result.benchmark["reason"]


@needs_compiler
def test_the_session_itself_loads_no_library_of_the_tpu(compiled, pytester):
    pytester.makeconftest("""
        from pathlib import Path

        def pytest_sessionfinish(session):
            if not hasattr(session.config, "accel_run"):
                Path("maps").write_text(Path("/proc/self/maps").read_text())
        """)
    source = JAX.format(images="images", batch=64).replace(
        "def test_step", "ONES = jnp.ones([8])\n\ndef test_step"
    )
    assert compiled(source).benchmark["outcome"] == "no_baseline"
    loaded = (pytester.path / "maps").read_text()
    assert "jaxlib" in loaded
    assert "libtpu" not in loaded


@needs_compiler
def test_flags_that_the_compiler_does_not_know_are_shown_in_its_own_words(compiled, monkeypatch):
    monkeypatch.setenv("LIBTPU_INIT_ARGS", "--no_such_flag=1")
    benchmark = compiled(JAX.format(images="images", batch=64)).benchmark
    assert benchmark["outcome"] == "invalid"
    assert "no_such_flag" in benchmark["reason"]


@needs_compiler
def test_flags_in_a_file_count_by_what_the_file_says(compiled, pytester, monkeypatch):
    flags = pytester.path / "flags"
    monkeypatch.setenv("XLA_FLAGS", str(flags))
    kept = []
    for text in (
        "--xla_cpu_enable_fast_math=false",
        "--xla_cpu_enable_fast_math=true",
        "--xla_cpu_enable_fast_math=false",
    ):
        flags.write_text(text)
        assert compiled(JAX.format(images="images", batch=64)).benchmark["outcome"] == "no_baseline"
        kept.append(len(list(pytester.path.glob(".pytest_cache/d/accel-programs/*.json"))))
    assert kept == [1, 2, 2]


@needs_compiler
def test_without_the_compiler_it_says_what_to_install(compiled, pytester):
    pytester.makeconftest("""
        import importlib.util
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *given: None if name == "libtpu" else find(name, *given)
        """)
    result = compiled(JAX.format(images="images", batch=64))
    assert result.benchmark["outcome"] == "invalid"
    assert 'takes the TPU\'s compiler, libtpu: pip install "pytest-accel[aot]"' in result.benchmark["reason"]


@pytest.mark.parametrize(
    "call",
    [
        'accel.convergence("resnet50", dataset="digits", epochs=8, target=0.95)',
        'accel.throughput("resnet50", dataset="digits", global_batch=64)',
        'accel.input_pipeline("digits", global_batch=64)',
    ],
)
def test_what_reads_data_is_skipped_and_a_session_of_only_that_is_no_pass(compiled, call):
    result = compiled(f"def test_step(accel):\n    {call}", "--accel-strict")
    assert result.benchmark["outcome"] == "skipped"
    assert "--accel-topology=v2-8 only compiles" in result.benchmark["reason"]
    assert result.ret == pytest.ExitCode.TESTS_FAILED


OF_TESTCASES = """
import unittest

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
from jax import lax

class TestStep(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def given(self, accel):
        self.accel = accel

    def test_loop(self):
        def step(state, x):
            weights, _ = lax.scan(lambda w, _: (w @ w, 0), state["weights"] * state["rate"], None, length=24)
            return {**state, "weights": weights}, jnp.sum(x @ weights)

        state = {"rate": 0.1, "weights": jnp.ones([4, 4], jnp.bfloat16), "unused": None}
        self.accel.measure(step, state=state, batch=(jnp.ones([8, 4]),), examples_per_step=8)
        raise AssertionError("a step that did not run has no numbers to look at")

    def test_numbers_of_tensorflow(self):
        def step(state, x, scale):
            weights = state["weights"] * state["rate"] * scale
            return {**state, "weights": weights, "steps": state["steps"] + 1}, tf.reduce_sum(x @ weights)

        state = {"rate": 0.1, "weights": tf.ones([4, 4]), "steps": 3, "unused": None}
        batch = (np.ones([8, 4], np.float32), 2.0)
        self.accel.measure(step, state=state, batch=batch, examples_per_step=8)
"""


@needs_compiler
def test_testcases_on_one_chip_with_a_loop_and_with_numbers_in_their_state(compiled):
    result = compiled(OF_TESTCASES, "-rA", topology="v5litepod-1")
    assert result.parseoutcomes() == {"no_baseline": 2}
    loop, numbers = result.benchmarks
    assert loop["workload"]["framework"] == "jax"
    assert loop["runs"][0]["loops"] == [24]
    assert loop["metrics"]["loop_iterations"] == 24
    assert loop["notes"] == []
    assert numbers["workload"]["framework"] == "tensorflow"
    assert (numbers["runs"][0]["devices"], numbers["metrics"]["collectives"]) == (1, 0)


@pytest.mark.parametrize(
    ("topology", "said"),
    [
        ("v9-8", "--accel-topology=v9-8: 'v9-8' is not a TPU type that can be compiled for: give one of"),
        (
            "v2-7",
            "--accel-topology=v2-7: 'v2-7' is not a slice of the TPU v2 that can be compiled for: give",
        ),
    ],
)
def test_an_unknown_type_is_a_usage_error(compiled, topology, said):
    result = compiled("def test_step(accel): pass", topology=topology)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


def test_other_tests_see_the_slice_as_the_accelerator(pytester):
    pytester.makepyfile(
        "def test_devices(accelerator):\n    assert (accelerator.kind, accelerator.devices) == ('tpu', 8)"
    )
    result = pytester.runpytest("-p", "no:hypothesispytest", "--accel=tpu", "--accel-topology=v2-8")
    result.assert_outcomes(passed=1)
