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
    "--accel-topology=v2-8": (
        "--accel-topology compiles for a TPU: add --accel=tpu, or drop --accel-topology"
    ),
    "--accel-topology=v2-8 --accel=cpu": (
        "--accel-topology compiles for a TPU: add --accel=tpu, or drop --accel-topology"
    ),
    "--accel-topology=v2-8 --accel=tpu --accel-against=python": (
        "--accel-topology runs nothing that could be compared in turns: drop --accel-against, and compare "
        "with baselines that the other environment recorded"
    ),
    "--accel-topology=v2-8 --accel=tpu --accel-devices=4": (
        "--accel-topology compiles for all devices of the slice: drop --accel-devices"
    ),
    "--accel-topology=v2-8 --accel=tpu --accel-identity=mine": (
        "--accel-topology keeps its baselines under the name of the topology: drop --accel-identity"
    ),
    "--accel-topology=v2-8 --accel=tpu --accel-in-process": (
        "--accel-topology needs a process of its own for its compiler: drop --accel-in-process"
    ),
    "--accel-topology=v2-8 --accel=tpu --accel-runs=2": (
        "--accel-topology compiles once, and the compiler would say the same again: drop --accel-runs"
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
        if options != "--trace" and "--accel=tpu" not in options:
            assert project.run(*options.split()).parseoutcomes() == {"passed": 1}


def test_runs_from_the_ini_file_give_way_to_in_process(project):
    """A lasting setting of the project must not stand in the way of debugging."""
    project.pytester.makeini("[pytest]\naccel_runs = 3")
    (benchmark,) = project.report("--accel-in-process")["benchmarks"]
    assert len(benchmark["runs"]) == 1
