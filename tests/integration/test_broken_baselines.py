"""A baseline that cannot be what was accepted: named with file and field, never taken for no baseline."""

from __future__ import annotations

import pytest


def first_run(stored):
    return stored["accepted"][0]["runs"][0]


DAMAGE = {
    "a NaN": (
        lambda stored: first_run(stored)["step_times_s"].__setitem__(3, float("nan")),
        "accepted[0].runs[0].step_times_s[3]: nan is not a finite number",
    ),
    "a negative time": (
        lambda stored: first_run(stored)["step_times_s"].__setitem__(0, -0.25),
        "accepted[0].runs[0].step_times_s[0]: -0.25 is not above 0",
    ),
    "a time of zero": (
        lambda stored: stored["accepted"][0]["summary"].update(step_time_s=0),
        "accepted[0].summary.step_time_s: 0.0 is not above 0",
    ),
    "a missing field": (
        lambda stored: first_run(stored).pop("compile_time_s"),
        "accepted[0].runs[0].compile_time_s: missing",
    ),
    "a workload edited by hand": (
        lambda stored: stored["workload"].update(examples_per_step=64),
        "workload.hash: the fields give",
    ),
    "a parameter that is no text": (
        lambda stored: stored.update(parameters={"batch": 8}),
        "parameters.batch: a string expected, not 8",
    ),
    "a newer schema": (
        lambda stored: stored.update(schema=3),
        "schema: written by a newer pytest-accel (schema 3, this one reads up to 2): upgrade pytest-accel",
    ),
    "another test's": (
        lambda stored: stored.update(benchmark="test_it.py::test_other"),
        "benchmark: 'test_it.py::test_other' belongs into",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_incomparable_and_left_alone(project, damage):
    edit, fault = DAMAGE[damage]
    project.record()
    project.edit_baseline(edit)
    before = project.baseline_file.read_bytes()
    result = project.run("--accel-record-missing")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1}
    message = result.stdout.str()
    assert f"incomparable: {project.baseline_file}: {fault}" in message
    assert "delete it and record anew with --accel-update-baselines" in message
    assert project.baseline_file.read_bytes() == before


@pytest.mark.parametrize("arguments", [[], ["--accel-update-baselines"]])
def test_a_truncated_file_is_incomparable_and_not_overwritten(project, arguments):
    project.record()
    whole = project.baseline_file.read_bytes()
    project.baseline_file.write_bytes(whole[: len(whole) // 2])
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        f"incomparable: {project.baseline_file}: line * column *: not JSON: * "
        "(cut short, or left by a merge[?]). Restore it from version control, or delete it and record anew "
        "with --accel-update-baselines."
    ])  # fmt: skip
    assert project.baseline_file.read_bytes() == whole[: len(whole) // 2]


def test_one_damaged_file_leaves_the_other_benchmarks_alone(project):
    project.record()
    whole = project.baseline_file.read_bytes()
    project.benchmark("""
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)

        def test_other(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    project.record()
    other, broken = project.baseline_files
    assert (other.name, broken.name) == ("test_other.json", "test_step.json")
    broken.write_bytes(whole[:100])
    assert project.run().parseoutcomes() == {"passed": 1, "failed": 1}
