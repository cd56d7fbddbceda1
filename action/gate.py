"""What the GitHub Action runs: environments, then the benchmarks.

Inputs come in variables, so that none becomes part of a shell command but ACCEL_INSTALL, which is one.
Runs on the Python that the workflow has set up, with the standard library only.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REFERENCE = Path(".accel-reference")
"""The checkout of the other side, in the workspace: the action can check out nothing elsewhere."""

REPORTS = {"html": "html", "markdown": "md", "json": "json"}
"""The reports that are written, and the suffixes of their files."""


def main() -> int:
    workspace = Path.cwd()
    work = Path(os.environ["RUNNER_TEMP"], "pytest-accel")
    reports = work / "reports"
    shutil.rmtree(reports, ignore_errors=True)  # of an earlier step of this job
    reports.mkdir(parents=True)
    try:
        tests = words(os.environ["ACCEL_TESTS"])
        requirement = os.environ["ACCEL_REQUIREMENT"]
        candidate = make_environment(work / "candidate", workspace, requirement)
        command = [
            str(candidate / "bin" / "pytest"),
            *tests,
            *(f"--accel-{kind}={reports}/accel-report.{suffix}" for kind, suffix in REPORTS.items()),
        ]
        if os.environ["ACCEL_AGAINST"] != "baseline":
            # pytest-accel is not needed there. But where only one side has it, the environments differ, and a
            # session that finds the same files of the project on both sides goes on with a note.
            reference = make_environment(work / "reference", workspace / REFERENCE, requirement)
            command.append(f"--accel-against={reference}")
    except Failed as failed:
        print("::error title=pytest-accel::" + " ".join(str(failed).split()))
        return 1
    print(shlex.join(command), flush=True)
    return subprocess.run(command, env=variables_of(candidate), check=False).returncode


class Failed(Exception):
    """An environment that could not be made; the message is on one line."""


def words(text: str) -> list[str]:
    """The words of a command line. Raises Failed."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Failed(f"the input `tests` is not a command line ({error}): {text}") from None


def make_environment(folder: Path, checkout: Path, requirement: str) -> Path:
    """A virtual environment with the project of this checkout and ``requirement``. Raises Failed."""
    if not checkout.is_dir():
        raise Failed(f"{checkout} is not there: the step before checks it out")
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
    if not (folder / "bin" / "pytest").exists():
        raise Failed(f"pytest is not installed for the {folder.name}: the input `requirement` brings it")
    return folder


def variables_of(environment: Path) -> dict[str, str]:
    """The variables of a process in which this environment is activated."""
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "VIRTUAL_ENV": str(environment), "PATH": path}


if __name__ == "__main__":
    sys.exit(main())
