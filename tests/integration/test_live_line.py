"""What a person sees while a benchmark runs: on a real terminal only, and nothing of it afterwards."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pyte
import pytest


def on_a_terminal(project, *arguments, columns=120, step_times_s="0.25 0.27"):
    """All that a session writes to its terminal, control sequences included."""
    ours, theirs = pty.openpty()
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *arguments],
        cwd=project.path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "STEP_TIMES_S": step_times_s},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 2**16)
        except OSError:
            break  # the other end is closed
        if not part:
            break
        written += part
    os.close(ours)
    assert session.wait() in (0, 1), written.decode()
    return written.decode()


def test_a_terminal_shows_blocks_the_fastest_step_and_the_time_left(project):
    seen = on_a_terminal(project, "--accel-update-baselines", "--accel-budget=60")

    assert "test_step, run 1" in seen
    assert "80/120" in seen
    assert "250 ms per step" in seen
    assert re.search(r"at most \d+ s more", seen)


def test_later_runs_show_the_interval_so_far(project):
    project.record("--accel-runs=3", step_times_s="0.25 0.26 0.255")

    seen = on_a_terminal(project, "--accel-runs=1", "--accel-tolerance=3%")

    assert "test_step, run 2" in seen
    assert re.search(r"per step, [+-]\d+\.\d% to [+-]\d+\.\d%, at most", seen)


@pytest.mark.parametrize(
    ("verbosity", "line"), [("-q", "R.R"), ("", "test_it.py R.R"), ("-v", "test_it.py::test_b RECORDED")]
)
def test_what_pytest_writes_of_tests_stays(project, verbosity, line):
    project.benchmark("""
        def test_a(accel, step):
            accel.measure(step, examples_per_step=32)

        def test_plain():
            pass

        def test_b(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    seen = on_a_terminal(project, "--accel-update-baselines", *verbosity.split())

    screen = pyte.Screen(120, 100)
    pyte.Stream(screen).feed(seen)
    assert any(shown.startswith(line) for shown in screen.display)
    assert not [shown for shown in screen.display if "per step, at most" in shown]


@pytest.mark.slow
def test_two_environments_show_the_pair_and_the_interval_so_far(project, monkeypatch):
    """Which differ by so much that four pairs do not decide."""
    project.benchmark("""
        import os

        def test_step(accel, clock):
            def step():
                clock.now_s += float(os.environ["STEP_TIME_S"])
            accel.measure(step, examples_per_step=32)
        """)
    monkeypatch.setenv("STEP_TIME_S", "0.255")
    against = (f"--accel-against=env STEP_TIME_S=0.25 {sys.executable}", "--accel-budget=6")
    seen = on_a_terminal(project, *against)

    assert "test_step, pair 1" in seen
    assert re.search(r"pair 5.*2\d\d ms per step, [+-]\d+\.\d% to [+-]\d+\.\d%, at most \d+ s more", seen)


def test_a_log_has_nothing_of_it(project):
    result = project.run("--accel-update-baselines", subprocess=True)

    assert result.ret == 0
    assert "s more" not in result.stdout.str()
    assert "run 1" not in result.stdout.str()
    assert "\x1b" not in result.stdout.str()
