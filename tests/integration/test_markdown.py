"""``--accel-markdown``, and what a session on GitHub Actions says by itself."""

from __future__ import annotations

import pytest

REGRESSED = "## pytest-accel: 1 regressed\n"


@pytest.fixture
def regressing(project):
    project.record()
    return lambda *arguments: project.run(*arguments, step_times_s=0.5)


def test_it_is_written_beside_the_json_report(project, regressing):
    result = regressing("--accel-markdown=out/report.md", "--accel-json=out/report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (project.path / "out/report.md").read_text().startswith(REGRESSED)
    assert (project.path / "out/report.json").exists()


def test_two_reports_in_one_file_are_refused(project):
    result = project.run("--accel-markdown=report", "--accel-json=./report")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --accel-json and --accel-markdown name the same file, *report: name two."]
    )
    assert project.pids == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(project):
    result = project.run("--accel-markdown=.")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: cannot write the report *Is a directory* --accel-markdown=FILE."])
    assert project.pids == []


def test_on_github_a_regression_is_annotated_and_in_the_summary(project, regressing, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary"))
    result = regressing()
    result.stdout.fnmatch_lines([
        f"::error file={project.path.name}/test_it.py,line=1,"
        "title=regressed%3A test_it.py%3A%3Atest_step::100.0%25 more time per step *",
    ])  # fmt: skip
    assert (project.path / "summary").read_text().startswith(REGRESSED)


def test_a_summary_that_cannot_be_written_changes_no_result(project, monkeypatch):
    project.record()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["accel: cannot write the job's summary *: Is a directory. Unset *"])
