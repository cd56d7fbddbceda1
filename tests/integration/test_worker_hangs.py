"""A process that never ends, and a session that is ended: nothing waits for ever, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pytest_accel.runs.worker_process import process

HANG = """
import ctypes
import os
import pathlib
import subprocess
import sys
import time

import pytest


def hang():
    '''In C, for ever, and no other thread of Python can run.'''
    pathlib.Path("hanging").touch()
    ctypes.PyDLL(None).sleep(3600)
"""

IN_A_STEP = f"""{HANG}
def test_it(accel):
    accel.measure(hang, examples_per_step=1)
"""

STATE_SPECS = {
    "collecting and setting up the test": [
        f"""{HANG}
if "PYTEST_ACCEL_RUN" in os.environ:
    hang()

def test_it(accel):
    pass
""",
        f"""{HANG}
@pytest.fixture
def hangs():
    hang()

def test_it(hangs, accel):
    pass
""",
    ],
    "building, compiling or warming up": [IN_A_STEP],
    "running the rest of the test": [
        f"""{HANG}
@pytest.fixture
def hangs():
    yield
    hang()

def test_it(hangs, accel, clock):
    def step():
        clock.now_s += 0.25
    accel.measure(step, examples_per_step=1)
""",
    ],
}

LONG_ENOUGH_S = 60


def start(project, *arguments):
    """A session in a process of its own, in a process group of its own."""
    return project.pytester.popen(
        [sys.executable, "-m", "pytest", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.mark.slow
def test_a_hang_anywhere_ends_at_the_timeout_and_says_where_and_the_next_test_runs(project, survivors):
    sessions = {}
    for doing, sources in STATE_SPECS.items():
        for number, source in enumerate(sources):
            file = project.path / f"test_{len(sessions)}.py"
            file.write_text(source + "\ndef test_next():\n    pass\n")
            sessions[doing, number] = start(project, file, "--accel-timeout=10")

    for (doing, _), session in sessions.items():
        output = session.communicate(timeout=LONG_ENOUGH_S)[0].decode()
        assert f"the run did not end within 10 s (--accel-timeout): it was still {doing}" in output
        assert " in hang\n" in output
        assert "1 failed, 1 passed" in output
        assert session.returncode == pytest.ExitCode.TESTS_FAILED
    assert not survivors()


@pytest.mark.parametrize("at_exit", ["atexit.register(hang)", "threading.Thread(target=hang).start()"])
def test_a_process_that_does_not_end_is_ended_and_its_run_counts(project, survivors, monkeypatch, at_exit):
    monkeypatch.setattr(process, "_EXIT_TIMEOUT_S", 0.5)
    project.benchmark(
        f"""
        import atexit, threading, time

        def hang():
            time.sleep(3600)

        def test_it(accel, step):
            accel.measure(step, examples_per_step=1)
            {at_exit}
        """
    )

    (benchmark,) = project.report()["benchmarks"]

    assert benchmark["outcome"] == "no_baseline"
    assert not survivors()


def test_processes_that_a_step_leaves_are_ended(project, survivors):
    project.benchmark(
        """
        import ctypes, os, subprocess, time

        def leave_processes():
            subprocess.Popen(["sleep", "3600"])
            subprocess.Popen(["sleep", "3600"], start_new_session=True)
            if ctypes.CDLL(None).fork() == 0:  # holds our line open
                time.sleep(3600)

        def test_well(accel, step):
            leave_processes()
            accel.measure(step, examples_per_step=1)

        def test_crash(accel, step):
            leave_processes()
            accel.measure(lambda: os._exit(5), examples_per_step=1)
        """
    )

    well, crash = project.report()["benchmarks"]

    assert well["outcome"] == "no_baseline"
    assert crash["reason"].startswith("the process ended with exit status 5")
    assert not survivors()


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_an_interrupt_ends_all(project, survivors, send):
    project.benchmark(IN_A_STEP)
    session = start(project)
    wait_for(project.path / "hanging")

    send(session.pid, signal.SIGINT)

    output = session.communicate(timeout=LONG_ENOUGH_S)[0].decode()
    assert "KeyboardInterrupt" in output
    assert session.returncode == pytest.ExitCode.INTERRUPTED
    assert not survivors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_session(project, survivors, number):
    project.benchmark(IN_A_STEP)
    session = start(project)
    wait_for(project.path / "hanging")

    session.send_signal(number)
    session.communicate(timeout=LONG_ENOUGH_S)

    assert not survivors()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_timeout_of_pytest_timeout_ends_the_child(project, survivors, method):
    project.benchmark(IN_A_STEP)

    result = project.run("--timeout=4", f"--timeout-method={method}", subprocess=True)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "longer than the 4 s that pytest-timeout allows a test" in result.stdout.str()
    assert not survivors()


def wait_for(file):
    deadline = time.monotonic() + LONG_ENOUGH_S
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} does not come"
        time.sleep(0.05)
