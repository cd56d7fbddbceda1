"""Which tests pytest finds, asked of pytest itself: the asking, and a plugin of the session that is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_accel.records import Kind

ANSWER = "PYTEST_ACCEL_COLLECTED"
"""The variable with the file that the answer goes to: what pytest prints depends on its verbosity."""


class Collected(NamedTuple):
    """Every test of the files asked for, whether selected or not; and the files that were read in full."""

    nodeids: frozenset[str]
    files: frozenset[str]


def collected(files: Iterable[str], kind: Kind) -> Collected:
    """The tests in these files, with the project's own options, as for this kind of accelerator.

    Raises ValueError if they cannot be collected, or if this folder is not pytest's rootdir, from which the
    names of tests count.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [
            "-m",
            "pytest",
            "--collect-only",
            "-p",
            __name__,
            "-p",
            "no:cacheprovider",
            f"--accel={kind}",
        ]
        variables = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(
            [sys.executable, *command, *files],
            env={**variables, ANSWER: str(answer)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise ValueError(f"the tests cannot be collected:\n{done.stdout}{done.stderr}")
        found = json.loads(answer.read_text())
    if not Path(found["rootdir"]).samefile("."):
        raise ValueError(f"names of tests count from pytest's rootdir, {found['rootdir']}: call this there")
    return Collected(frozenset(found["nodeids"]), frozenset(found["files"]))


class _Listening:
    def __init__(self, config: pytest.Config) -> None:
        self._rootdir = config.rootpath
        self._nodeids: list[str] = []
        self._files: list[str] = []

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Also of what is deselected later."""
        self._nodeids.append(item.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that skips itself, as where a framework is missing, does not say which tests it has."""
        if report.passed and "::" not in report.nodeid:
            self._files.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        answer = {"rootdir": str(self._rootdir), "nodeids": self._nodeids, "files": self._files}
        Path(os.environ[ANSWER]).write_text(json.dumps(answer))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Listening(config))
