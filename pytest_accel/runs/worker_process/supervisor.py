"""A process between the session and a worker: nothing that the worker started outlives it.

``python -I -S supervisor.py SESSION_PID REPORT_FD COMMAND...`` starts the command. It ends as the command
ended, once everything that descends from it is gone. A daemon can leave its session, its group and its
environment behind, but not its ancestors: Linux hands orphans to the nearest "child subreaper" above them
(prctl(2)). If the session is killed, Linux tells this process (PR_SET_PDEATHSIG), which then ends everything
as well. On other systems only the worker and its process group are ended.

Only the standard library is imported, and little of that, since this starts once for every run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Of <linux/prctl.h>."""

TERMINATE_TIMEOUT_S = 1.0
"""How long the worker may take to end when asked to: the client of a container has to pass that on."""

CLEAN_UP_TIMEOUT_S = 5.0
"""How long to look for processes that are left; one that may not be killed is then left alone."""

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that would end this process, as they end the worker: whoever sends one means both."""

HANDLED = (*ENDING, signal.SIGABRT, signal.SIGALRM)


def main(session: int, report_fd: int, command: list[str]) -> None:
    """Run the command to its end. Reports its process id, and the error number if it cannot be started."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != session:
        return
    ignored = [number for number in (*HANDLED, signal.SIGCHLD) if signal.getsignal(number) is signal.SIG_IGN]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody can wait for a child
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    worker = os.fork()
    if worker == 0:
        become(command, report_fd, ignored)
    forward_signals(worker)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    os.close(report_fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # the worker's alone, so that its end is seen
        os.dup2(nothing, standard)
    status = wait_for(worker)
    end_all(worker)
    end_as(status)


def become(command: list[str], report_fd: int, ignored: list[signal.Signals]) -> None:
    """Be the worker, in a process group of its own. ``ignored`` are signals that stay so. Does not return."""
    os.set_inheritable(report_fd, False)
    os.setsid()
    for number in (*HANDLED, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python changed some of these
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    os.write(report_fd, f"{os.getpid()} ".encode())
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(report_fd, f"{error.errno}".encode())
    finally:
        os._exit(127)


def forward_signals(worker: int) -> None:
    """What would end this process ends the worker, asked first. SIGABRT lets that write where it hangs."""

    def on_terminate(*_: object) -> None:
        kill(worker, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, TERMINATE_TIMEOUT_S)

    for number in ENDING:
        if number is signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_terminate)
    signal.signal(signal.SIGALRM, lambda *_: kill(worker, signal.SIGKILL))
    signal.signal(signal.SIGABRT, lambda *_: kill(-worker, signal.SIGABRT))


def wait_for(worker: int) -> int:
    """The wait status of the worker. Orphans that end before it are reaped."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == worker:
            return status


def end_all(worker: int) -> None:
    """Kill the group of the worker, and every process that it left to this one."""
    kill(-worker, signal.SIGKILL)
    deadline = time.monotonic() + CLEAN_UP_TIMEOUT_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            for pid in children():
                kill(pid, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)


def children() -> list[int]:
    """The processes whose parent is this one, where /proc tells."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _state, parent = file.read_bytes().rpartition(b")")[2].split()[:2]
            if int(parent) == os.getpid():
                found.append(int(file.parent.name))
    return found


def end_as(status: int) -> None:
    """End this process by the same signal or with the same exit status."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker wrote one, if anybody wants it
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
