"""A session that measures under a setting that slows every step says so, once."""

import pytest


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
