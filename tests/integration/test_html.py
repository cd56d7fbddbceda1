"""``--accel-html``: written beside the other reports."""

from __future__ import annotations

import sys

import pytest


def test_a_page_is_written_with_the_baseline_in_it(project):
    project.record()
    result = project.run("--accel-html=out/report.html", step_times_s=0.5)
    page = (project.path / "out/report.html").read_text()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "<h1>Do not ship: 1 regressed</h1>" in page
    assert "Accepted so far" in page
    assert "<td>baseline 1</td>" in page


def test_without_its_extra_nothing_is_measured(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = project.run("--accel-html=report.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['ERROR: --accel-html needs jinja2: pip install "pytest-accel?report?"'])
    assert project.pids == []
