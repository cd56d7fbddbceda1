"""Collect tests by running ``pytest --collect-only`` with this module as a plugin.

The project's own options hold in that session, since parameters may depend on them. What they select, how
much they print and how they let the session end changes nothing: the answer is what was collected before.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_accel.api import options
from pytest_accel.baselines import naming
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError

QUESTION = "PYTEST_ACCEL_QUESTION"
"""The variable with what is asked, as JSON: the file for the answer, the kind, the folder of baselines."""


class Collected(NamedTuple):
    """Every test of the files asked for, whether selected or not, by all names that its baselines may have.

    And the files that were read in full, from rootdir.
    """

    names: frozenset[str]
    files: frozenset[str]


def collected(files: Iterable[str], kind: Kind, baselines: Path) -> Collected:
    """The tests in these files, with the project's own options, as for this kind of accelerator.

    Raises UserError if they cannot be collected, or if this folder is not pytest's rootdir, from which the
    names of tests count.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        question = {"answer": str(answer), "kind": kind, "baselines": str(baselines.absolute())}
        command = [sys.executable, "-m", "pytest", "--collect-only", "-p", __name__]
        # With an empty cache --lf and its like leave no file out. The project's own is not written to, nor is
        # what pytest-cov has measured.
        command += ["-o", f"cache_dir={folder}/cache"]
        variables = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(
            [*command, *sorted({_argument(file) for file in files})],
            env={**variables, QUESTION: json.dumps(question), "COVERAGE_FILE": f"{folder}/coverage"},
            stdin=subprocess.DEVNULL,  # a debugger that the options ask for finds nobody
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(answer.read_text()) if answer.exists() else None
    if report is None or report["failed"]:
        raise UserError(f"the tests cannot be collected:\n{done.stdout}{done.stderr}")
    if not Path(report["rootdir"]).samefile("."):
        raise UserError(f"names of tests count from pytest's rootdir, {report['rootdir']}: call this there")
    return Collected(frozenset(report["names"]), frozenset(report["files"]) - frozenset(report["in_part"]))


def _argument(file: str) -> str:
    """How pytest is asked for a file; for a folder above it, where pytest would misread its name."""
    readable = itertools.takewhile(lambda part: "[" not in part and "::" not in part, file.split("/"))
    return "/".join((".", *readable))


class _Listening:
    """The session's plugin that answers. The answer is written once all is collected, and only then."""

    def __init__(self, config: pytest.Config, answer: Path, baselines: Path) -> None:
        self._rootdir = config.rootpath
        self._answer = answer
        self._baselines = baselines
        self._names: list[str] = []
        self._files: list[str] = []
        self._in_part: list[str] = []
        self._failed = False

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Also of what is deselected later."""
        self._names += naming.benchmark(item, self._baselines).names

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What skips itself, as where a framework is missing, does not say which tests it has."""
        file = report.nodeid.partition("::")[0]
        (self._files if report.passed else self._in_part).append(file)
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        answer = {
            "rootdir": str(self._rootdir),
            "names": self._names,
            "files": self._files,
            "in_part": self._in_part,
            "failed": self._failed,
        }
        self._answer.write_text(json.dumps(answer))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Before anything of the project is configured. The options may have turned our own plugin off."""
    question = json.loads(os.environ[QUESTION])
    config.option.accel = question["kind"]
    config.pluginmanager.register(
        _Listening(config, Path(question["answer"]), Path(question["baselines"])), "accel-listening"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_HELP)
