"""--accel-devices: logical devices of the CPU, whose baselines are their own and are set against one's."""

from __future__ import annotations

import importlib.util

import pytest

SCALED = """
def test_step(accel, accelerator, step):
    accel.measure(step, examples_per_step={examples})
"""


def test_devices_are_part_of_the_identity(project):
    project.record()
    one = project.report()["accelerator"]
    divided = project.report("--accel-devices=2")
    assert divided["accelerator"]["devices"] == 2
    assert divided["accelerator"]["identity"] == f"{one['identity']}-2-devices"
    assert divided["benchmarks"][0]["outcome"] == "no_baseline"


@pytest.mark.parametrize(("examples", "kind"), [("32 * accelerator.devices", "weak"), ("32", "strong")])
def test_what_one_device_was_accepted_with_tells_how_it_scales(project, examples, kind):
    project.benchmark(SCALED.format(examples=examples))
    project.record()
    faster = {"weak": 0.3125, "strong": 0.15625}[kind]
    report = project.report("--accel-devices=2", step_times_s=faster)
    (benchmark,) = report["benchmarks"]
    assert benchmark["metrics"]["throughput_per_device"] == pytest.approx(102.4)
    assert benchmark["metrics"][f"{kind}_scaling_efficiency"] == pytest.approx(0.8)
    assert f"{kind} scaling: 80% of 2 times 128 examples/s" in benchmark["notes"]


def test_a_step_of_jax_sees_the_devices(project):
    project.benchmark("""
        import os

        def test_step(accel, accelerator, step):
            assert os.environ["JAX_NUM_CPU_DEVICES"] == "3" == str(accelerator.devices)
            accel.measure(step, examples_per_step=32)
        """)
    assert project.run("--accel-devices=3").parseoutcomes() == {"no_baseline": 1}


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("framework", ["tensorflow", "jax"])
def test_training_on_two_devices(project, framework):
    if importlib.util.find_spec(framework) is None:  # to import it here would be to import it twice
        pytest.skip(f"trains with {framework}")
    project.pytester.makeconftest("")  # real steps, and so a clock that runs
    project.benchmark("""
        def test_step(accel):
            accel.throughput("resnet50", global_batch=4, image_size=32)

        def test_undivided(accel):
            accel.throughput("resnet50", global_batch=3, image_size=32)
        """)
    options = (f"--accel-framework={framework}", "--accel-devices=2", "--accel-budget=1", "--accel-wait=0")
    step, undivided = project.report(*options, subprocess=True)["benchmarks"]
    assert step["outcome"] == "no_baseline"
    assert step["metrics"]["throughput_per_device"] == pytest.approx(step["metrics"]["throughput"] / 2)
    assert undivided["outcome"] == "invalid"
    assert "A global batch of 3 does not divide by 2 " in undivided["reason"]


def test_devices_that_there_cannot_be_are_a_usage_error(project):
    result = project.run("--accel-devices=65")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--accel-devices=65: a CPU is divided into 64 logical devices at most" in result.stderr.str()
