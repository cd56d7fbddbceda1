"""A session that measures under a setting that slows every step says so, once."""

import textwrap

import pytest

from pytest_accel import hardware
from pytest_accel.records import Accelerator, Kind


def test_it_is_said_once_for_all_benchmarks(project, monkeypatch):
    monkeypatch.setenv("JAX_DEBUG_NANS", "1")
    project.benchmark(
        "import pytest\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_step(accel, step, n):\n    accel.measure(step, examples_per_step=1)\n"
    )
    result = project.run()
    lines = [line for line in result.outlines if "slow setting" in line]
    assert len(lines) == 1
    assert lines[0].startswith("accel: slow setting: JAX checks every result for NaN")
    assert lines[0].endswith(": unset JAX_DEBUG_NANS")


def test_without_one_nothing_is_said(project):
    assert "slow setting" not in project.run().stdout.str()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_eager_functions_are_seen_in_the_process_of_the_run(project):
    project.benchmark(
        "def test_step(accel, step):\n"
        "    import tensorflow as tf\n"
        "    tf.config.run_functions_eagerly(True)\n"
        "    product = tf.function(lambda: tf.reduce_sum(tf.ones((64, 64)) @ tf.ones((64, 64))))\n"
        "    accel.measure(lambda: (step(), product())[1], examples_per_step=1)\n"
    )
    result = project.run()
    result.stdout.fnmatch_lines(["accel: slow setting: TensorFlow runs its functions eagerly*"])


ANEW = {
    "jax": """
        import jax
        step = lambda: jax.jit(lambda x: x @ x)(jax.numpy.ones((64, 64)))
        """,
    "tensorflow": """
        import itertools
        import tensorflow as tf
        numbers = itertools.count()
        function = tf.function(lambda number: tf.ones((64, 64)) * number)
        step = lambda: function(next(numbers))
        """,
}
ONCE = {
    "jax": """
        import jax
        function = jax.jit(lambda x: x @ x)
        step = lambda: function(jax.numpy.ones((64, 64)))
        """,
    "tensorflow": """
        import tensorflow as tf
        function = tf.function(lambda x: x @ x)
        step = lambda: function(tf.ones((64, 64)))
        """,
}
TEST = """
def test_step(accel):
    accel.measure(step, examples_per_step=1)
"""


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.jax
@pytest.mark.parametrize("framework", ["jax", "tensorflow"])
@pytest.mark.parametrize(("steps", "is_named"), [(ANEW, True), (ONCE, False)], ids=["anew", "once"])
def test_a_step_that_compiles_each_time_is_named(pytester, monkeypatch, framework, steps, is_named):
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(test_speed=textwrap.dedent(steps[framework]) + TEST)
    result = pytester.runpytest_subprocess("--accel-runs=1", "--accel-budget=2")
    settings = [line for line in result.outlines if line.startswith("accel: slow setting: ")]
    found = [line for line in settings if "test_speed.py::test_step compiles a program on every step" in line]
    assert bool(found) == is_named
    assert all("make the compiled function once" in line for line in found)


@pytest.mark.parametrize(
    ("kind", "batch", "marker", "is_named"),
    [
        (Kind.GPU, "numpy.zeros((128, 128)), 0.1", "framework='jax'", True),
        (Kind.GPU, "[{'images': numpy.zeros((128, 128))}]", "framework='tensorflow'", True),
        (Kind.GPU, "numpy.zeros((16, 16))", "framework='jax'", False),
        (Kind.CPU, "numpy.zeros((128, 128))", "framework='jax'", False),
        (Kind.GPU, "numpy.zeros((128, 128))", "", False),  # a step of NumPy
    ],
)
def test_a_batch_that_every_step_copies_to_the_accelerator_is_named(
    project, monkeypatch, kind, batch, marker, is_named
):
    device = Accelerator("a-device", kind, "a device", 1, memory_bytes=16_000_000_000)
    monkeypatch.setattr(hardware, "accelerator", lambda *_: device)
    project.benchmark(
        "import numpy, pytest\n\n"
        f"@pytest.mark.accel({marker})\n"
        "def test_step(accel, step):\n"
        f"    batch = ({batch},)\n"
        "    accel.measure(lambda state, *_: (state, step()), state=0, batch=batch, examples_per_step=1)\n"
    )
    result = project.run(f"--accel={kind}")
    found = [line for line in result.outlines if "copies its batch to the accelerator on every step" in line]
    assert len(found) == is_named
    assert all(line.endswith(" or measure the input pipeline as well") for line in found)
