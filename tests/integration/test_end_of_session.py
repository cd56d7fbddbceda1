"""What a session leaves when it is ended from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

HANGS = """
import pathlib, time

def test_step(accel, step):
    accel.measure(step, examples_per_step=32)

def test_last(accel):
    def hang():
        pathlib.Path("hanging").touch()
        time.sleep(3600)
    accel.measure(hang, examples_per_step=1)
"""

IN_A_PLAIN_TEST = """
import pathlib, time

def test_step(accel, step):
    accel.measure(step, examples_per_step=32)

def test_last():
    pathlib.Path("hanging").touch()
    time.sleep(3600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", [HANGS, IN_A_PLAIN_TEST], ids=["benchmark", "plain test"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 2)])
def test_a_session_that_is_ended_shows_what_it_came_to(project, monkeypatch, source, number, status):
    """As the time limit of a CI job ends it."""
    project.record()
    project.benchmark(source)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("STEP_TIMES_S", "0.5")
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--accel-json=report.json"],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (project.path / "hanging").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)

    session.send_signal(number)
    output, _ = session.communicate(timeout=60)

    assert session.returncode == status
    pytest.LineMatcher(output.splitlines()).fnmatch_lines([
        "regressed *test_step* 500 ms * 250 ms *",
        "regressed  test_it.py::test_step: 100.0% more time per step than the baseline*",
        "::error *regressed*",
    ])  # fmt: skip
    assert output.count("100.0% more time per step than the baseline") >= 1
    assert (project.path / "report.json").exists()
