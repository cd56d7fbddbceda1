"""@pytest.mark.accel: settings of one benchmark, and what the hardware must offer."""

from __future__ import annotations

import pytest

MARKED = """
    import pytest

    @pytest.mark.accel({arguments})
    def test_step(accel, step):
        accel.measure(step, examples_per_step=32)

    def test_plain():
        pass
    """


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (
            "tolerence='3%'",
            "has no argument 'tolerence'; it knows framework, tolerance, budget, kinds, min_devices, "
            "min_memory",
        ),
        ("runs=3", "has no argument 'runs'; it knows *"),
        ("tolerance=0.03", "(tolerance=...): 0.03 is not a tolerance: give a percentage * such as 2%"),
        ("budget='long'", "(budget=...): 'long' is not a time: give seconds above 0, such as 60"),
        ("framework='torch'", "(framework=...): 'torch' is not one of tensorflow*"),
        ("kinds='cuda'", "(kinds=...): 'cuda' is not a choice of kinds: give one or more of cpu, gpu, tpu"),
        ("min_devices=0", "(min_devices=...): 0 is not a whole number from 1 to 999999999"),
        ("min_memory='lots'", "(min_memory=...): 'lots' is not a size: give a number with GB*"),
        ("'3%'", " takes keyword arguments only, such as tolerance='3%'"),
    ],
)
def test_a_wrong_argument_is_a_usage_error_that_names_test_and_argument(project, arguments, fault):
    project.benchmark(MARKED.format(arguments=arguments))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    separator = "" if fault.startswith(("(", " ")) else " "
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_step: @pytest.mark.accel{separator}{fault}"])
    assert project.pids == []
    assert project.run("-k", "plain").parseoutcomes() == {"passed": 1, "deselected": 1}
    assert project.run("--collect-only", "-q").ret == pytest.ExitCode.OK


def test_hardware_that_is_not_here_skips_with_the_reason(project):
    project.benchmark("""
        import pytest

        @pytest.mark.accel(kinds=("gpu", "tpu"))
        def test_kinds(accel): pass

        @pytest.mark.accel(min_devices=4)
        def test_devices(accel): pass

        @pytest.mark.accel(min_memory="1000000GB")
        def test_memory(accel): pass

        @pytest.mark.accel(kinds=["cpu"], min_devices=1, min_memory="1MiB")
        def test_here(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    result = project.run("-rs")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"skipped": 3, "no_baseline": 1}
    result.stdout.fnmatch_lines_random([
        "SKIPPED * requires gpu or tpu; this session runs on cpu",
        "skipped  test_it.py::test_kinds: requires gpu or tpu; this session runs on cpu",
        "skipped  test_it.py::test_devices: needs 4 devices, and this machine has 1",
        "skipped  test_it.py::test_memory: needs 1000000 GB a device, and here a device has *.? GB",
    ])  # fmt: skip


def test_the_closest_marker_wins_argument_by_argument(project):
    project.record()
    project.benchmark("""
        import pytest

        pytestmark = pytest.mark.accel(tolerance="50%", kinds="tpu")

        @pytest.mark.accel(kinds="cpu")
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    (comparison,) = project.report(step_times_s=0.3)["benchmarks"][0]["comparisons"]
    assert (comparison["tolerance"], comparison["outcome"]) == (0.5, "passed")


def test_the_marker_is_known_to_strict_markers(project):
    project.benchmark(MARKED.format(arguments="kinds='cpu'"))
    assert project.run("--strict-markers").parseoutcomes() == {"no_baseline": 1, "passed": 1}
