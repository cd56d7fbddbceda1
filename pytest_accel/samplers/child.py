"""A child process that runs one test: started, spoken with, watched, and always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accel import channel
from pytest_accel.samplers import InvalidRun

_GLANCE_S = 0.2
"""How often to look whether the process is still there: its own children may hold the line open."""

_GOODBYE_S = 10.0
"""How long a process may take to end after it said that it was done."""

_TRACE_S = 1.0
"""How long a hanging process may take to write down where it hangs."""

_TAIL_BYTES = 8000


class Child:
    """Use as a context manager: at its end no process of the child's group is left.

    ``command`` is run with ``environment``; what it writes goes to a temporary file.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._resources = contextlib.ExitStack()
        self._output = self._resources.enter_context(tempfile.TemporaryFile())
        self._line, theirs = channel.pair()
        self._doing = "starting"
        with theirs:
            self._process = subprocess.Popen(
                command,
                env={**environment, channel.VARIABLE: str(theirs.fileno())},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """The last of what the process wrote."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL_BYTES))
        return self._output.read().decode(errors="replace")

    def send(self, kind: str, *, doing: str, **fields: Any) -> None:
        """Send an order; ``doing`` says in an error message what the process was at. Raises InvalidRun."""
        self._doing = doing
        try:
            self._line.send(kind, **fields)
        except channel.Closed:
            raise self._died() from None

    def receive(self) -> channel.Message:
        """The next message. Raises InvalidRun if the process dies or its time runs out."""
        while not self._line.waiting(_GLANCE_S):
            if time.monotonic() > self._deadline:
                raise self._hung()
            if self._process.poll() is not None and not self._line.waiting(0):
                raise self._died()
        try:
            return self._line.receive()
        except channel.Closed:
            raise self._died() from None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._line.close()
        if failure is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GOODBYE_S)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._resources.close()

    def _died(self) -> InvalidRun:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GOODBYE_S)
        status = self._process.poll()
        if status is None:
            how = "fell silent"
        elif status < 0:
            how = f"was ended by {signal.Signals(-status).name}{_HINTS.get(signal.Signals(-status), '')}"
        else:
            how = f"ended with exit status {status}"
        return InvalidRun(f"the process {how} while {self._doing}", self.output)

    def _hung(self) -> InvalidRun:
        self._signal(signal.SIGABRT)  # pytest's fault handler then writes down every thread's stack
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TRACE_S)
        return InvalidRun(
            f"the run did not end within {self._timeout_s:g} s (--accel-timeout): it hung while "
            f"{self._doing}",
            self.output,
        )

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


_HINTS = {signal.SIGKILL: " (killed from outside; out of memory?)", signal.SIGSEGV: " (segmentation fault)"}
