"""A user's project to try the plugin in: real sessions and real worker processes, on a clock that we turn.

A step takes the time that it is told to take, exactly and without waiting. What this cannot show is how real
steps scatter; the tests of the rules work on recorded times.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_accel.frameworks.recognized import RECOGNIZED
from pytest_accel.hosts import token
from pytest_accel.runs.worker_process import environments

pytest_plugins = ("pytester",)

for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
    os.environ.pop(name, None)  # sessions that tests start are none of its workers: pytest-benchmark looks

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell leaves it to what it starts in the background, and sessions that tests interrupt inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "COVERAGE_PROCESS_CONFIG" in os.environ:  # nox -s coverage follows worker processes
    environments.NOT_INHERITED = ("PYTEST_ADDOPTS", token.VARIABLE)

# After a session in this process pytester forgets the modules that came with it. What a session imports late
# is imported here: else a second one has two kinds of records that differ, and NumPy refuses to come again.
LATE = (
    "pytest_accel.session.isolated_items",
    "pytest_accel.session.in_process_items",
    "filelock",
    "pynvml",
    "pytest_benchmark.stats",
    "pytest_benchmark.table",
    "scipy.special",
    "tabulate",
)
for late in LATE:
    importlib.import_module(late)

NEEDS = {
    "tensorflow": ("tensorflow", "cpu"),
    "jax": ("jax", "jax"),
    "tpu_compiler": ("libtpu", "aot"),
    "browser": ("playwright", "test"),
}
"""What tests with a marker need: a module, and the extra that brings it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this environment cannot run, and say what would."""
    for marker, (module, extra) in NEEDS.items():
        if importlib.util.find_spec(module) is None:
            skip = pytest.mark.skip(reason=f'needs {module}: pip install --editable ".[{extra}]"')
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(skip)


WITHOUT_HYPOTHESIS = ("-p", "no:hypothesispytest")
"""Its import takes longer than all else that a session of these projects does."""

WITHIN_A_SESSION = ("-W", "ignore:Module already imported so cannot be rewritten")
"""pytest warns so where one session runs within another and pytest-accel is installed."""

CONFTEST = """
import json
import os

import pytest

from pytest_accel.worker.step_timer import CLOCK


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def pytest_configure(config):
    config.stash[CLOCK] = Clock()


@pytest.fixture
def clock(request):
    return request.config.stash[CLOCK]


@pytest.fixture
def step(request, clock):
    '''Takes the time that this run of the test is to take: one of STEP_TIMES_S after the other.'''
    with open(os.environ["RUNS"], "a+") as file:
        file.seek(0)
        earlier = [run for run in map(json.loads, file) if run["nodeid"] == request.node.nodeid]
        file.write(json.dumps({"nodeid": request.node.nodeid, "pid": os.getpid()}) + "\\n")
    step_times_s = [float(time) for time in os.environ["STEP_TIMES_S"].split()]
    step_time_s = step_times_s[len(earlier) % len(step_times_s)]

    def step():
        clock.now_s += step_time_s

    return step
"""

BENCHMARK = """
def test_step(accel, step):
    accel.measure(step, examples_per_step=32)
"""


class Project:
    """A folder with a conftest that turns the clock, and one benchmark in ``test_it.py``.

    Its conftest offers ``step`` and, for steps of other kinds, ``clock`` with ``clock.now_s``.
    """

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._environment = monkeypatch
        self._runs = self.path / "runs.txt"
        monkeypatch.setenv("RUNS", str(self._runs))
        pytester.makeconftest(CONFTEST)
        self.benchmark(BENCHMARK)

    def benchmark(self, source: str) -> None:
        """Replace ``test_it.py``."""
        self.pytester.makepyfile(test_it=source)

    def run(
        self, *arguments: object, step_times_s: str | float = 0.25, subprocess: bool = False
    ) -> pytest.RunResult:
        """A pytest session; each run of a benchmark takes the next of the step times, over and over."""
        self._runs.write_text("")
        self._environment.setenv("STEP_TIMES_S", str(step_times_s))
        run = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest_inprocess
        return run(*WITHOUT_HYPOTHESIS, *WITHIN_A_SESSION, *map(str, arguments))

    def record(self, *arguments: object, **settings: Any) -> None:
        """Store baselines, which must succeed."""
        result = self.run("--accel-update-baselines", *arguments, **settings)
        assert result.ret == pytest.ExitCode.OK, result.stdout.str()

    @property
    def pids(self) -> list[int]:
        """The process of each run of a benchmark with ``step`` in the last session."""
        return [json.loads(line)["pid"] for line in self._runs.read_text().splitlines()]

    @property
    def baseline_files(self) -> list[Path]:
        return sorted((self.path / "baselines").rglob("*.json"))

    @property
    def baseline_file(self) -> Path:
        (file,) = self.baseline_files
        return file

    def baseline(self) -> dict[str, Any]:
        return json.loads(self.baseline_file.read_text())

    def edit_baseline(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change the one stored baseline as somebody might by hand."""
        stored = self.baseline()
        edit(stored)
        self.baseline_file.write_text(json.dumps(stored))

    def report(self, *arguments: object, **settings: Any) -> dict[str, Any]:
        """What ``--accel-json`` says of a session."""
        file = self.path / "report.json"
        self.run(f"--accel-json={file}", *arguments, **settings)
        return json.loads(file.read_text())

    def only_benchmark(self, *arguments: object, **settings: Any) -> dict[str, Any]:
        """The benchmark of such a report that has no other."""
        (benchmark,) = self.report(*arguments, **settings)["benchmarks"]
        return benchmark


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on the CPU of this machine, outside of any continuous integration."""
    for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTEST_ADDOPTS", "TPU_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("COLUMNS", "200")
    for framework in RECOGNIZED:  # imported by our own tests: the project's step is made with none of them
        monkeypatch.delitem(sys.modules, framework, raising=False)
    return Project(pytester, monkeypatch)
