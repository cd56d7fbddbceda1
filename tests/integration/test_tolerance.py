"""How much slower does not matter: marker > command line > ini > default, seen by what a step comes to."""

from __future__ import annotations

import pytest

MARKED = """
    import pytest

    @pytest.mark.accel(tolerance="50%")
    def test_step(accel, step):
        accel.measure(step, examples_per_step=32)
    """


def tolerance(project, *arguments):
    (comparison,) = project.report(*arguments, step_times_s=0.3)["benchmarks"][0]["comparisons"]
    return comparison["tolerance"], comparison["outcome"]


def test_the_nearest_place_wins(project):
    project.record()
    assert tolerance(project) == (0.1, "regressed")
    project.pytester.makeini("[pytest]\naccel_tolerance = 40%")
    assert tolerance(project) == (0.4, "passed")
    assert tolerance(project, "--accel-tolerance=15%") == (0.15, "regressed")
    project.benchmark(MARKED)
    assert tolerance(project, "--accel-tolerance=15%") == (0.5, "passed")


@pytest.mark.parametrize("value", ["2", "abc", "-1%", "0%", "100%"])
def test_what_is_no_tolerance_is_a_usage_error(project, value):
    result = project.run(f"--accel-tolerance={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"*error: argument --accel-tolerance: '{value}' is not a tolerance: give a percentage between 0% and "
        "100%, such as 2%"
    ])  # fmt: skip
    assert project.pids == []
