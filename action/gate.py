"""What the GitHub Action runs: environments, then the benchmarks.

Inputs come in variables, so that none becomes part of a shell command but ACCEL_INSTALL, which is one.
Runs on the Python that the workflow has set up, with the standard library only.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

REFERENCE = Path(".accel-reference")
"""The checkout of the other side, in the workspace: the action can check out nothing elsewhere."""

REPORTS = {"html": "html", "markdown": "md", "json": "json"}
"""The reports that are written, and the suffixes of their files."""

NEEDED_THERE = "pytest>=8.4"
"""What the other side needs beside the project: pytest-accel is sent to it."""


def main() -> int:
    workspace = Path.cwd()
    work = Path(os.environ["RUNNER_TEMP"], "pytest-accel")
    reports = work / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    try:
        candidate = make_environment(work / "candidate", workspace, os.environ["ACCEL_REQUIREMENT"])
        command = [
            str(candidate / "bin" / "pytest"),
            *shlex.split(os.environ["ACCEL_TESTS"]),
            *(f"--accel-{kind}={reports}/accel-report.{suffix}" for kind, suffix in REPORTS.items()),
        ]
        if os.environ["ACCEL_AGAINST"] != "baseline":
            reference = make_environment(work / "reference", workspace / REFERENCE, NEEDED_THERE)
            command.append(f"--accel-against={reference}")
    except Failed as failed:
        print("::error title=pytest-accel::" + " ".join(str(failed).split()))
        return 1
    print(shlex.join(command), flush=True)
    return subprocess.run(command, env=variables_of(candidate), check=False).returncode


class Failed(Exception):
    """An environment that could not be made; the message is on one line."""


def make_environment(folder: Path, checkout: Path, requirement: str) -> Path:
    """A virtual environment with the project of this checkout and ``requirement``. Raises Failed."""
    print(f"::group::Environment {folder.name}", flush=True)
    try:
        venv.create(folder, with_pip=True, clear=True)
        install = os.environ["ACCEL_INSTALL"]
        for command in (["bash", "-e", "-o", "pipefail", "-c", install], ["pip", "install", requirement]):
            done = subprocess.run(command, cwd=checkout, env=variables_of(folder), check=False)
            if done.returncode:
                said = install if command[0] == "bash" else shlex.join(command)
                raise Failed(
                    f"`{said}` ended with {done.returncode} for the {folder.name}; see the log above"
                )
    finally:
        print("::endgroup::", flush=True)
    return folder


def variables_of(environment: Path) -> dict[str, str]:
    """The variables of a process in which this environment is activated."""
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "VIRTUAL_ENV": str(environment), "PATH": path}


if __name__ == "__main__":
    sys.exit(main())
