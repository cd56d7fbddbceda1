"""A worker process that runs one test: started, spoken with, watched, and always ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process import code_injection, greeting, python_flags, supervisor
from pytest_accel.runs.worker_process.environments import Environment
from pytest_accel.runs.worker_process.greeting import Greeting
from pytest_accel.worker import channel
from pytest_accel.worker.messages import Message, ProtocolError

_POLL_INTERVAL_S = 0.2
"""How often to look whether the process is still there: its own children may hold the line open."""

_EXIT_TIMEOUT_S = 10.0
"""How long a process may take to end after it said that it was done."""

_TRACEBACK_TIMEOUT_S = 1.0
"""How long a hanging process may take to write down where it hangs."""

_TERMINATE_TIMEOUT_S = supervisor.TERMINATE_TIMEOUT_S + supervisor.CLEAN_UP_TIMEOUT_S + 1.0
"""How long a supervisor may take to end all that there is when asked to."""

_TAIL_BYTES = 20_000

_USAGE_ERROR = 4
"""pytest's exit status where it refuses its command line or its settings."""


def _nothing_else() -> None:
    pass


@contextlib.contextmanager
def start_worker(
    environment: Environment,
    arguments: Callable[[str], Sequence[str]],
    variables: Mapping[str, str],
    folder: Path,
    timeout_s: float,
    check: Callable[[], None] = _nothing_else,
) -> Iterator[WorkerProcess]:
    """Start pytest in an environment and a folder; at the end nothing is left of it.

    ``arguments`` gives those of pytest for the unique name of this run. ``variables`` are added to those
    inherited. What the process writes goes to a temporary file. ``check`` is called while the process is
    waited for, and raises InvalidRun if that is of no use any more. Raises InvalidRun if there is nothing to
    start.
    """
    run = uuid.uuid4().hex
    mark = {channel.RUN_VARIABLE: run}
    program = [*python_flags.flags(), "-c", code_injection.bootstrap_source(), *arguments(run)]
    line, their_incoming, their_outgoing = channel.pair()
    with contextlib.closing(line), tempfile.TemporaryFile() as output:
        try:
            process, pid = _start_supervised(
                [*environment.command, *program],
                env={**environment.inherited(), **variables, **mark},
                cwd=folder,
                stdin=their_incoming,
                stdout=their_outgoing,
                output=output,
            )
        except OSError as error:
            raise InvalidRun(
                f"{environment.command[0]} cannot be started: {error.strerror or error}"
            ) from None
        finally:
            os.close(their_incoming)
            os.close(their_outgoing)
        worker = WorkerProcess(process, pid, line, output, {**variables, **mark}, timeout_s, check)
        try:
            yield worker
            line.close()
            worker.wait()
        finally:
            worker.kill()


def _start_supervised(
    command: Sequence[str], *, output: IO[bytes], **settings: Any
) -> tuple[subprocess.Popen[bytes], int]:
    """The supervisor of a command, and the process id of the command. ``settings`` are those of ``Popen``.

    ``output`` takes the standard errors of both. Raises OSError if the command cannot be started, and
    InvalidRun if the supervisor cannot.
    """
    report, their_report = os.pipe()
    with os.fdopen(report) as reported:
        try:
            program = [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), str(their_report)]
            process = subprocess.Popen(
                [*program, *command],
                pass_fds=[their_report],
                start_new_session=True,
                stderr=output,
                **settings,
            )
        finally:
            os.close(their_report)
        try:
            numbers = [int(number) for number in reported.read().split()]
        except BaseException:
            process.terminate()
            raise
    match numbers:
        case [pid]:
            return process, pid
        case [_, error_number]:
            process.wait()
            raise OSError(error_number, os.strerror(error_number))
        case _:
            process.wait()
            output.seek(0)
            raise InvalidRun(
                f"{sys.executable} cannot run the supervisor of a worker process",
                output.read(_TAIL_BYTES).decode(errors="replace"),
            )


class RunTimeout(InvalidRun):
    """A run that did not end in time."""


class PytestRefused(InvalidRun):
    """pytest refused its command line or its settings."""


class WorkerProcess:
    """A process at the other end of ``line``. ``doing`` says in messages what it is at.

    ``supervisor`` is the process that started it, and ends after it.
    """

    def __init__(
        self,
        supervisor: subprocess.Popen[bytes],
        pid: int,
        line: channel.Channel,
        output: IO[bytes],
        variables: Mapping[str, str],
        timeout_s: float,
        check: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self.pid = pid
        self._line = line
        self._output = output
        self._variables = variables
        self._timeout_s = timeout_s
        self._check = check
        self._deadline = time.monotonic() + timeout_s
        self.doing = "starting"

    @property
    def alive(self) -> bool:
        return self._supervisor.poll() is None

    @property
    def output(self) -> str:
        """The last of what the process wrote."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL_BYTES))
        return self._output.read().decode(errors="replace")

    def greeting(self) -> Greeting:
        """What Python it is. Raises InvalidRun if it is none."""
        received = b""
        while len(received) <= greeting.MAX_BYTES:
            self._await()
            try:
                received += self._line.receive_byte()
            except channel.ChannelClosed:
                died = self._died(received)
                own_words = died.output.replace(code_injection.bootstrap_source(), "")  # as ``echo`` has it
                raise InvalidRun(f"not a Python interpreter: {died}", own_words) from None
            if received.endswith(b"\n"):
                said = greeting.found(received.splitlines()[-1])
                if said is not None:
                    return said
        raise InvalidRun(
            "not a Python interpreter: the process writes without end", received.decode(errors="replace")
        )

    def load(self) -> None:
        """Let the process that has greeted become a pytest session. Raises InvalidRun.

        It receives pytest-accel module by module: see ``bootstrap`` on what one large piece would do.
        """
        sources = code_injection.sources()
        order = {
            "environment": self._variables,
            "path": python_flags.first_on_path(),
            "modules": len(sources),
        }
        try:
            for line in (order, *sources.items()):
                self._line.send_line(json.dumps(line), self._await_room)
        except channel.ChannelClosed:
            raise self._died() from None

    def send(self, message: Message, *, doing: str) -> None:
        """Send what makes the process do this. Raises InvalidRun."""
        self.doing = doing
        try:
            self._line.send(message)
        except channel.ChannelClosed:
            raise self._died() from None

    def receive(self) -> Message:
        """The next message. Raises InvalidRun if the process dies or its time runs out."""
        try:
            return self._line.receive(self._await)
        except channel.ChannelClosed:
            raise self._died() from None
        except ProtocolError as error:
            raise InvalidRun(
                f"something else wrote to the standard output of the process while {self.doing} ({error}): "
                "let what starts its Python write there only before, or to standard error",
                self.output,
            ) from None

    def wait(self) -> None:
        """Let the process end by itself, if it is about to."""
        self._wait(_EXIT_TIMEOUT_S)

    def exit_status(self) -> int:
        """Close the channel and let the process end by itself. Raises RunTimeout."""
        self._line.close()
        try:
            return self._supervisor.wait(self._deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            raise self._hung() from None

    def kill(self) -> None:
        """End the process and all that it started."""
        if self.alive:
            self._supervisor.send_signal(signal.SIGCONT)  # the test may have stopped it
            self._supervisor.terminate()
            self._wait(_TERMINATE_TIMEOUT_S)
        self._supervisor.kill()
        self._supervisor.wait()

    def _await(self) -> None:
        """Wait for something to read or the end of the line. Raises InvalidRun as ``receive`` does."""
        while not self._line.waiting(_POLL_INTERVAL_S):
            self._check_deadline()
            if not self.alive and not self._line.waiting(0):
                raise self._died()

    def _await_room(self) -> None:
        """Wait for room to write a piece of a line. Raises InvalidRun."""
        while not self._line.writable(_POLL_INTERVAL_S):
            self._check_deadline()

    def _check_deadline(self) -> None:
        self._check()
        if time.monotonic() > self._deadline:
            raise self._hung()

    def _died(self, received: bytes = b"") -> InvalidRun:
        """``received`` is what it wrote where a message was due."""
        self.wait()
        status = self._supervisor.poll()
        fault = _usage_error(self.output) if status == _USAGE_ERROR else None
        if fault is not None:
            return PytestRefused(f"pytest does not start in the worker process: {fault}", self.output)
        if status is None:
            how = "fell silent"
        elif status < 0:
            how = f"was ended by {_signal_name(-status)}"
        else:
            how = f"ended with exit status {status}"
        return InvalidRun(
            f"the process {how} while {self.doing}", received.decode(errors="replace") + self.output
        )

    def _hung(self) -> RunTimeout:
        self._supervisor.send_signal(signal.SIGABRT)  # pytest's fault handler then writes every stack
        self._wait(_TRACEBACK_TIMEOUT_S)
        return RunTimeout(
            f"the run did not end within {self._timeout_s:g} s (--accel-timeout): it was still {self.doing}",
            self.output,
        )

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(seconds)


def _usage_error(output: str) -> str | None:
    """What pytest says of a command line, settings or a conftest.py that it refuses."""
    conftest = re.search(r"^(\w+) while loading conftest '(.*)'\.$", output, re.MULTILINE)
    if conftest:
        errors = re.findall(r"^E +(.*)$", output[conftest.end() :], re.MULTILINE)
        return f"{errors[-1] if errors else conftest[1]}, while loading {conftest[2]}"
    _, error_prefix, fault = output.rpartition("ERROR: ")
    lines = [line.strip() for line in fault.splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("inifile:", "rootdir:"))]
    return " ".join(reasons).rpartition(" error: ")[2] if error_prefix else None


def _signal_name(number: int) -> str:
    if number == signal.SIGKILL:
        return "SIGKILL (killed from outside; out of memory?)"
    if number in list(signal.Signals):
        return f"{signal.Signals(number).name} ({signal.strsignal(number)})"
    return f"signal {number}"
