"""A process that dies, hangs or talks nonsense costs one benchmark, never the session."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEATHS = """
import atexit
import ctypes
import os
import signal
import sys
import threading
import time


def test_segmentation_fault(accel):
    accel.measure(lambda: ctypes.string_at(0), examples_per_step=1)

def test_exit(accel):
    accel.measure(lambda: os._exit(7), examples_per_step=1)

def test_abort(accel):
    print("said before the end")
    accel.measure(os.abort, examples_per_step=1)

def test_killed(accel):
    accel.measure(lambda: os.kill(os.getpid(), signal.SIGKILL), examples_per_step=1)

def test_signal_without_a_name(accel):
    accel.measure(lambda: os.kill(os.getpid(), signal.SIGRTMIN + 2), examples_per_step=1)

def test_death_in_the_test_after_measuring(accel, step):
    accel.measure(step, examples_per_step=1)
    os._exit(0)

def test_death_in_setup(dying_fixture, accel):
    pass

def test_closed_line(accel, step):
    def closing():
        os.closerange(3, 1000)
        return step()
    accel.measure(closing, examples_per_step=1)

def test_ends_in_disorder_after_it_was_measured(accel, step):
    accel.measure(step, examples_per_step=1)
    atexit.register(os.abort)

def test_well(accel, step):
    accel.measure(step, examples_per_step=1)
"""

DYING_FIXTURE = """

@pytest.fixture
def dying_fixture():
    os._exit(9)
"""


def outcomes(report):
    return {
        benchmark["nodeid"].partition("::test_")[2]: (benchmark["outcome"], benchmark["reason"])
        for benchmark in report["benchmarks"]
    }


def test_each_way_to_die_is_named_and_the_session_goes_on(project):
    project.append_to_conftest(DYING_FIXTURE) if hasattr(project, "append_to_conftest") else None
    conftest = project.path / "conftest.py"
    conftest.write_text(conftest.read_text() + DYING_FIXTURE)
    project.benchmark(DEATHS)

    found = outcomes(project.report())

    died = {name: reason for name, (outcome, reason) in found.items() if outcome == "invalid"}
    in_step = "while building, compiling or warming up"
    assert died == {
        "segmentation_fault": f"the process was ended by SIGSEGV (Segmentation fault) {in_step}",
        "exit": f"the process ended with exit status 7 {in_step}",
        "abort": f"the process was ended by SIGABRT (Aborted) {in_step}",
        "killed": f"the process was ended by SIGKILL (killed from outside; out of memory?) {in_step}",
        "signal_without_a_name": f"the process was ended by signal 36 {in_step}",
        "death_in_the_test_after_measuring": (
            "the process ended with exit status 0 while running the rest of the test"
        ),
        "death_in_setup": "the process ended with exit status 9 while collecting and setting up the test",
        "closed_line": died["closed_line"],
    }
    assert "while" in died["closed_line"]
    assert found["ends_in_disorder_after_it_was_measured"][0] == "no_baseline"
    assert found["well"][0] == "no_baseline"
