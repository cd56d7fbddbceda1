"""Which revision was measured: in reports and accepted entries, and beside a regression."""

import json
import subprocess

import pytest


@pytest.fixture
def git(project, monkeypatch):
    """Run Git in the project, which has one commit."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *identity, "-C", str(project.path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--initial-branch=main")
    git("add", ".")
    git("commit", "--message=first")
    return git


def test_a_regression_names_the_revisions_that_it_lies_between(project, git):
    first = git("rev-parse", "HEAD")
    project.record(step_times_s="0.25")
    (entry,) = project.baseline()["accepted"]
    assert (entry["provenance"]["revision"], entry["provenance"]["branch"]) == (first[:12], "main")

    git("commit", "--allow-empty", "--message=second")
    second = git("rev-parse", "HEAD")
    result = project.run("--accel-json=report.json", step_times_s="0.5")

    report = json.loads((project.path / "report.json").read_text())
    assert report["project"]["revision"] == second
    (benchmark,) = report["benchmarks"]
    assert benchmark["outcome"] == "regressed"
    assert any(f"git log {first[:12]}..{second[:12]}" in note for note in benchmark["notes"])
    assert not any("revision" in change for change in benchmark["provenance_changes"])
    assert f"recorded at revision {first[:12]}, measured at {second[:12]}" in result.stdout.str()


def test_a_pass_says_nothing_of_revisions(project, git):
    project.record(step_times_s="0.25")
    git("commit", "--allow-empty", "--message=second")
    assert "git log" not in project.run(step_times_s="0.25").stdout.str()


def test_outside_of_git_nothing_is_said(project):
    project.record(step_times_s="0.25")
    assert "revision" not in json.dumps(project.baseline())
