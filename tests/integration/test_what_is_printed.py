"""The hardware line, what changed since a baseline, and sessions in which nothing is to be printed."""

from __future__ import annotations

import pytest


def test_what_changed_since_the_baseline_is_shown(project):
    project.record()

    def older(stored):
        stored["accepted"][-1]["provenance"].update(python="CPython 3.9.1", tensorflow="2.3.0")
        stored["accepted"][-1]["provenance"].pop("numpy")

    current = project.baseline()["accepted"][-1]["provenance"]
    project.edit_baseline(older)
    result = project.run()
    result.stdout.fnmatch_lines(["changed  tensorflow 2.3.0 -> *"])
    for change in (f"python CPython 3.9.1 -> {current['python']}", f"numpy (absent) -> {current['numpy']}"):
        assert change in result.stdout.str()
    changes = project.report()["benchmarks"][0]["provenance_changes"]
    assert f"python CPython 3.9.1 -> {current['python']}" in changes


def test_the_hardware_line_comes_only_with_benchmarks(project):
    result = project.run("--accel-identity=ci-pool")
    result.stdout.fnmatch_lines(["collected 1 item", "accel: cpu, *[[]baselines: ci-pool[]]"])
    project.benchmark("def test_plain(): pass")
    result = project.run("--accel-identity=ci-pool")
    assert result.parseoutcomes() == {"passed": 1}
    assert "accel:" not in result.stdout.str()
    assert "= accel =" not in result.stdout.str()


def test_what_the_session_will_take_is_said_before_it_begins(project):
    result = project.run("--accel-budget=90", "--accel-session-budget=600")
    result.stdout.fnmatch_lines([
        "accel: cpu, *",
        "accel: 1 benchmark, at most 90 s of timed steps, plus start-up, waits for a quiet machine and "
        "trainings to a target, ended after 10 min (--accel-session-budget)",
    ])  # fmt: skip
    project.record()
    project.run().stdout.fnmatch_lines(
        ["accel: cpu, *", "accel: 1 benchmark, about * s if nothing has changed"]
    )
    project.run("--collect-only").stdout.no_fnmatch_line("accel: 1 benchmark*")


def test_collecting_only_lists_benchmarks_and_runs_none(project):
    result = project.run("--collect-only", "-q", "--accel-json=report.json", "--accel-strict")
    assert result.ret == pytest.ExitCode.OK
    assert result.stdout.str().splitlines()[0] == "test_it.py::test_step"
    assert project.pids == []
    assert not (project.path / "report.json").exists()


def test_a_selection_without_benchmarks_starts_nothing(project):
    project.pytester.makepyfile(test_plain="def test_plain(): pass")
    result = project.run("-k", "plain", "--accel-strict", "--accel-json=report.json")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 1, "deselected": 1}
    assert project.pids == []
