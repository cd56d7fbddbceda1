"""Processes that a step starts and that hide: they end with the run, and with a session that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

from pytest_accel.runs.worker_process import process

LONG_ENOUGH_S = 60

HIDING = """
import os, pathlib, subprocess, sys, time

def note():
    with open("hidden.txt", "a") as file:
        file.write(f"{os.getpid()} ")

def daemon():
    "Leaves its parent, session, process group and working directory."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            os.chdir("/")
            time.sleep(3600)
        os._exit(0)
    os.wait()

def without_variables():
    "The same, and nothing of this environment is left."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            os.execve("/bin/sleep", ["sleep", "3600"], {})
        os._exit(0)
    os.wait()

def replaced():
    "A new process takes the place of the old one all the time."
    if os.fork() == 0:
        os.setsid()
        while True:
            if os.fork():
                os._exit(0)
            note()
            time.sleep(0.02)
    os.wait()

def deaf():
    "Ignores what asks it to end."
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
    child = subprocess.Popen([sys.executable, "-S", "-c", ignoring], start_new_session=True, env={})
    with open("hidden.txt", "a") as file:
        file.write(f"{child.pid} ")

def loaders():
    "Four processes of a data loader, which wait for orders that never come."
    import multiprocessing
    for _ in range(4):
        multiprocessing.get_context("fork").Process(target=lambda: (note(), time.sleep(3600))).start()
"""


IGNORING = """
import os, signal, sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""


def hidden(project):
    """Of the processes that noted themselves, those that are still there."""
    pids = map(int, (project.path / "hidden.txt").read_text().split())
    return [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands daemons to a subreaper")
@pytest.mark.parametrize("ends", ["accel.measure(step, examples_per_step=1)", "os._exit(5)"])
def test_daemons_end_with_the_run(project, ends):
    project.benchmark(
        f"""{HIDING}
def test_it(accel, step):
    for start in (daemon, without_variables, replaced, deaf):
        start()
    time.sleep(0.5)
    {ends}
"""
    )

    (benchmark,) = project.report()["benchmarks"]

    assert benchmark["outcome"] == ("invalid" if "exit" in ends else "no_baseline")
    assert not hidden(project)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands daemons to a subreaper")
@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM"])
def test_a_signal_to_the_process_that_cleans_up_leaves_nothing(project, number):
    """As whoever sends one to all processes with pytest in their names does."""
    if signal.getsignal(signal.Signals[number]) is signal.SIG_IGN:
        pytest.skip(f"{number} is ignored here, as under nohup, and the processes of this test inherit that")
    project.benchmark(
        f"""{HIDING}
import signal

def test_it(accel):
    daemon()
    without_variables()
    time.sleep(0.2)
    os.kill(os.getppid(), signal.{number})
    time.sleep(3600)
"""
    )

    (benchmark,) = project.report("--accel-timeout=60")["benchmarks"]

    assert benchmark["outcome"] == "invalid"
    assert not hidden(project)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands daemons to a subreaper")
def test_a_session_that_ignores_the_end_of_its_children(project, monkeypatch):
    project.benchmark(
        f"""{HIDING}
def test_it(accel, step):
    deaf()
    time.sleep(0.2)
    accel.measure(step, examples_per_step=1)
"""
    )
    monkeypatch.setenv("STEP_TIMES_S", "0.25")

    result = project.pytester.run(sys.executable, "-c", IGNORING, sys.executable, "-m", "pytest")

    result.stdout.fnmatch_lines(["accel: 1 no_baseline in *"])
    assert not hidden(project)


def test_modules_of_a_project_do_not_take_the_place_of_the_standard_library(project, monkeypatch):
    for name in ("resource", "ctypes", "contextlib"):
        (project.path / "shadows").mkdir(exist_ok=True)
        (project.path / "shadows" / f"{name}.py").write_text("raise RuntimeError('not for the supervisor')\n")
    monkeypatch.setenv("PYTHONPATH", str(project.path / "shadows"))
    sleeping = [sys.executable, "-I", "-c", "print('started')"]

    with (project.path / "output").open("w+b") as output:
        supervisor, _ = process._start_supervised(sleeping, output=output)
        assert supervisor.wait() == 0
        output.seek(0)
        assert output.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_nothing_is_left_of_a_session_that_is_killed(project, survivors):
    project.benchmark(
        f"""{HIDING}
def test_it(accel):
    for start in (daemon, without_variables, deaf, loaders):
        start()
    accel.measure(lambda: (pathlib.Path("running").touch(), time.sleep(3600)), examples_per_step=1)
"""
    )
    session = project.pytester.popen(
        [sys.executable, "-m", "pytest"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_until((project.path / "running").exists)

    session.send_signal(signal.SIGKILL)
    session.communicate(timeout=LONG_ENOUGH_S)

    wait_until(lambda: not hidden(project))
    assert not survivors()


def wait_until(holds):
    deadline = time.monotonic() + LONG_ENOUGH_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
