"""``pytest-accel calibrate``: real sessions on a fake clock."""

from __future__ import annotations

import json
import sys

import pytest

from pytest_accel.cli import calibrate

pytestmark = pytest.mark.slow

SCATTERS = """
import os
import random

def test_step(accel, clock):
    pace = random.Random(os.getpid()).gauss(1, 0.01)

    def step():
        clock.now_s += 0.25 * pace

    accel.measure(step, examples_per_step=32)
"""


def run(project, *arguments):
    return project.pytester.run(
        sys.executable, "-m", "pytest_accel.cli.main", "calibrate", *arguments, "--minutes=0.001"
    )


def test_what_was_seen_is_written_and_what_it_supports_is_said(project):
    project.benchmark(SCATTERS)
    result = run(project, ".")
    assert result.ret == 0, result.stderr.str()
    result.stdout.fnmatch_lines([
        "wrote baselines/*/noise.json: 1 sitting. Commit it",
        "  between the runs of a session: 1.7% assumed; * measured with 4 degrees of freedom, of 10 needed*",
        "  between sessions: 1.2% assumed, until there are sittings on 6 days (now 1)",
        "  between interleaved pairs: *% measured with * degrees of freedom*",
        "  stored baselines of 3 runs: a tolerance of *%; slowdowns of *% are found 95 times in 100",
        "  --accel-against: a tolerance of *%; slowdowns of *% are found 95 times in 100",
    ])  # fmt: skip
    (file,) = project.path.glob("baselines/*/noise.json")
    (sitting,) = json.loads(file.read_text())["sittings"]
    assert len(sitting["sessions"]) == len(sitting["pairs"]) == calibrate.MIN_SESSIONS
    project.record()
    assert project.run().parseoutcomes() == {"passed": 1}


def test_a_broken_file_ends_a_session_before_anything_runs(project):
    project.record()
    (project.baseline_file.parents[2] / "noise.json").write_text("{")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.pids == []
    assert "call pytest-accel calibrate again" in result.stderr.str() + result.stdout.str()


def test_benchmarks_that_cannot_run_are_said(project):
    project.benchmark("import nothing_of_that_name")
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: a session of these benchmarks failed:"])


def test_benchmarks_that_time_no_steps_are_said(project):
    project.benchmark("def test_nothing(): pass")
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: *"])
