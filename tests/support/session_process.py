"""A session in a process of its own, started as a user would."""

from __future__ import annotations

import os
import subprocess

import pytest


def start(project, *command, where="."):
    """What a session in a process of its own prints; pytester would put the folder on its path."""
    (project.path / "runs.txt").write_text("")
    done = subprocess.run(
        [*command, "-p", "no:hypothesispytest", where],
        cwd=project.path,
        env={**os.environ, "STEP_TIMES_S": "0.25"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    return pytest.LineMatcher(done.stdout.splitlines())
