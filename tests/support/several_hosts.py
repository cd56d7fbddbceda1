"""Sessions of several hosts on this machine: real processes, real sockets, the launcher's variables."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LONG_ENOUGH_S = 300


@dataclass(frozen=True)
class Ended:
    """A session that is over: its exit code and what it printed."""

    code: int
    text: str


class SeveralHosts:
    """Sessions in one folder, each of which is told that it is one of ``count`` hosts.

    The framework's processes have ports of their own; one that another program takes in between fails the
    test that wanted it.
    """

    def __init__(self, folder: Path, count: int = 2) -> None:
        self.folder = folder
        self.count = count
        self.port = free_ports(count + 1) + 1
        self.sessions: list[subprocess.Popen[str]] = []

    def start(
        self,
        index: int,
        *arguments: str,
        launcher: str = "jax",
        variables: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> subprocess.Popen[str]:
        """The session of one host. ``prefix`` are words before the command."""
        log = self.folder / f"host{index}.log"
        log.unlink(missing_ok=True)
        with log.open("w") as output:
            session = subprocess.Popen(
                [*prefix, sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *arguments],
                cwd=self.folder,
                env={
                    **os.environ,
                    **self.variables(index, launcher),
                    "RUNS": str(self.folder / f"runs{index}.txt"),
                    **(variables or {}),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.sessions.append(session)
        return session

    def variables(self, index: int, launcher: str = "jax") -> dict[str, str]:
        """What the launcher tells a host; "none" is no launcher."""
        if launcher == "none":
            return {}
        if launcher == "tensorflow":
            workers = [f"127.0.0.1:{self.port + one}" for one in range(self.count)]
            config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            return {"TF_CONFIG": json.dumps(config)}
        return {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{self.port}",
            "JAX_NUM_PROCESSES": str(self.count),
            "JAX_PROCESS_ID": str(index),
        }

    def ended(self, index: int, within_s: float = LONG_ENOUGH_S) -> Ended:
        """What the session of a host came to. Raises subprocess.TimeoutExpired if it does not end."""
        code = self.sessions[index].wait(within_s)
        return Ended(code, (self.folder / f"host{index}.log").read_text())

    def run(self, *arguments: str, launcher: str = "jax", step_times_s: Sequence[float] = ()) -> list[Ended]:
        """A session on every host with the same arguments, to its end."""
        self.sessions.clear()
        for index in range(self.count):
            told = {"STEP_TIMES_S": str(step_times_s[index])} if step_times_s else {}
            self.start(index, *arguments, launcher=launcher, variables=told)
        return [self.ended(index) for index in range(self.count)]

    def close(self) -> None:
        for session in self.sessions:
            if session.poll() is None:
                session.kill()
                session.wait()


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody uses now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + count < 2**16 and all(_is_free(first + offset) for offset in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
