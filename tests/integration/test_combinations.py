"""Options that make no sense together are usage errors, and only where there are benchmarks."""

from __future__ import annotations

import pytest

FORBIDDEN = {
    "--accel-update-baselines --accel-record-missing": (
        "--accel-update-baselines already records missing baselines: drop --accel-record-missing, "
        "or drop --accel-update-baselines to leave existing ones as they are"
    ),
    "--accel-in-process --accel-update-baselines": (
        "--accel-in-process writes no baselines: drop it, or drop --accel-update-baselines"
    ),
    "--accel-in-process --accel-record-missing": (
        "--accel-in-process writes no baselines: drop it, or drop --accel-record-missing"
    ),
    "--accel-against=python --accel-update-baselines": (
        "--accel-against compares with another environment and writes no baselines: drop it, or drop "
        "--accel-update-baselines"
    ),
    "--accel-against=python --accel-record-missing": (
        "--accel-against compares with another environment and writes no baselines: drop it, or drop "
        "--accel-record-missing"
    ),
    "--accel-against=python --accel-in-process": (
        "--accel-in-process runs in this process only: drop it, or drop --accel-against"
    ),
    "--accel-in-process --accel-runs=2": (
        "--accel-in-process makes one run, in this process: drop it, or set --accel-runs=1"
    ),
    "--pdb": "--pdb cannot reach into the process a benchmark runs in: add --accel-in-process, or drop --pdb",
    "--trace": (
        "--trace cannot reach into the process a benchmark runs in: add --accel-in-process, or drop --trace"
    ),
}


@pytest.mark.parametrize("options", FORBIDDEN)
def test_a_forbidden_combination_says_what_to_drop(project, options):
    result = project.run(*options.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {FORBIDDEN[options]}"])
    assert project.pids == []
    assert not project.baseline_files
    assert project.run(*options.split(), "--collect-only").ret == pytest.ExitCode.OK


def test_a_session_without_benchmarks_is_left_alone(project):
    project.benchmark("""
        def test_plain(accelerator):
            assert accelerator.kind == "cpu"
        """)
    for options in FORBIDDEN:
        if options != "--trace":
            assert project.run(*options.split()).parseoutcomes() == {"passed": 1}


def test_runs_from_the_ini_file_give_way_to_in_process(project):
    """A lasting setting of the project must not stand in the way of debugging."""
    project.pytester.makeini("[pytest]\naccel_runs = 3")
    (benchmark,) = project.report("--accel-in-process")["benchmarks"]
    assert len(benchmark["runs"]) == 1
