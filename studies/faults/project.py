"""A project in a folder of its own, and sessions in it, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

NOT_INHERITED = ("CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTHONPATH")

QUICK = ("--accel=cpu", "--accel-budget=2", "--accel-runs=2", "--accel-wait=0", "--accel-identity=machine")
"""Options of sessions whose step times do not matter."""

STEP = """
import time

def test_it(accel):
    accel.measure(lambda: time.sleep(0.001), examples_per_step=1)
"""

GONE_WITHIN_S = 20.0
"""How long processes of a session that has ended may take to go away."""


class Project:
    """Files in ``folder``. Every process of it, and none else, has ``mark`` in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"CAMPAIGN={folder.name}"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def start(
        self, *arguments: str, variables: Mapping[str, str] | None = None, log: str = "log"
    ) -> subprocess.Popen[str]:
        """A session of pytest; what it prints is in the file ``log``."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        name, _, value = self.mark.partition("=")
        with (self.folder / log).open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
                cwd=self.folder,
                env={**inherited, name: value, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def printed(self, log: str = "log") -> str:
        return (self.folder / log).read_text(errors="replace")

    def outcomes(self, report: str = "report.json") -> list[str]:
        file = self.folder / report
        benchmarks: list[dict[str, Any]] = json.loads(file.read_text())["benchmarks"] if file.exists() else []
        return [benchmark["outcome"] for benchmark in benchmarks]

    def baselines(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.glob("baselines/*/**/*.json"))}

    def left(self) -> list[str]:
        """Processes of this project that do not go away, by the mark or by what they noted in pids.txt."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while (found := self._running()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _running(self) -> list[str]:
        file = self.folder / "pids.txt"
        noted = {int(pid) for pid in file.read_text().split()} if file.exists() else set()
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                name, _, value = self.mark.partition("=")
                marked = process.environ().get(name) == value
                if (marked or process.pid in noted) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())[-60:]}")
        return found


@contextlib.contextmanager
def project(source: str = STEP) -> Iterator[Project]:
    """A project with one file of benchmarks; nothing is left of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Project(Path(folder).resolve())
        made.write("test_it.py", source)
        made.write("pytest.ini", "[pytest]\n")
        try:
            yield made
        finally:
            for line in made._running():
                with contextlib.suppress(psutil.Error, ValueError):
                    psutil.Process(int(line.split()[0])).kill()


def recorded(made: Project) -> None:
    """Record a baseline. Raises RuntimeError with what the session said if it does not."""
    session = made.start("--accel-update-baselines", *QUICK)
    if session.wait(300) != 0 or not made.baselines():
        raise RuntimeError(made.printed())
