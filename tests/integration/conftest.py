"""For tests of processes: several hosts on this machine, what is left of processes, sessions that compile."""

from __future__ import annotations

import json
import sys
import time
import uuid
import venv
from importlib import metadata

import psutil
import pytest
from support.several_hosts import SeveralHosts

LONG_ENOUGH_S = 60

PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""The distributions that pytest consists of."""


@pytest.fixture
def survivors(monkeypatch):
    """The processes that came from this test and are still there, after a moment to go away."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARK", mark)

    def marked():
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MARK") == mark:
                    found.append(process)
            except psutil.Error:
                pass
        return found

    def survivors():
        deadline = time.monotonic() + LONG_ENOUGH_S
        while (found := marked()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    return survivors


@pytest.fixture
def hosts(project):
    """Two hosts in the project of :mod:`tests.conftest`, whose clock turns as it is told."""
    several = SeveralHosts(project.path)
    yield several
    several.close()


@pytest.fixture
def compiled(pytester, monkeypatch):
    """``compiled(source, *arguments)`` is a session for v2-8; its benchmark is that of the JSON report."""
    monkeypatch.delenv("CI", raising=False)

    def run(source, *arguments, topology="v2-8", around=()):
        pytester.makepyfile(test_it=source)
        command = [*around, sys.executable, "-m", "pytest", "--accel=tpu", f"--accel-topology={topology}"]
        result = pytester.run(*command, "--accel-json=report.json", *arguments)
        file = pytester.path / "report.json"
        result.benchmarks = json.loads(file.read_text())["benchmarks"] if file.exists() else []
        result.benchmark = next(iter(result.benchmarks), None)
        return result

    return run


@pytest.fixture(scope="session")
def only_pytest(tmp_path_factory):
    """A virtual environment with pytest and nothing else: neither pytest-accel nor what that needs."""
    folder = tmp_path_factory.mktemp("environments") / "only pytest"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in map(metadata.distribution, PYTEST):
        for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            (packages / name).symlink_to(distribution.locate_file(name))
    return folder
