"""The environments a benchmark can run in: this one, and the one that ``--accel-against`` names."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.hosts import token
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError

VARIABLES_BY_KIND: Mapping[Kind, Mapping[str, str]] = {
    Kind.CPU: {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
    Kind.GPU: {"TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    Kind.TPU: {},
}
"""Variables that keep frameworks to the accelerator that was asked for, and from taking all its memory."""

VARIABLES_WHEN_SHARED: Mapping[Kind, Mapping[str, str]] = {
    Kind.CPU: {},
    Kind.GPU: {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    Kind.TPU: {},
}
"""What a process needs as well where two of them share the accelerator."""

COMPILE_ONLY: Mapping[str, str] = {
    **VARIABLES_BY_KIND[Kind.CPU],
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_LOG_DIR": "disabled",
}
"""Variables that keep the TPU's compiler from looking for a TPU: in the machine, or at a metadata server."""


def compile_only_variables(topology: str) -> dict[str, str]:
    """What a worker is given that compiles for this accelerator type, and runs nothing on it.

    Arrays with shardings of the user's own are made on as many devices as the slice has, which are the CPU.
    """
    devices = slice_named(topology).devices
    return {**COMPILE_ONLY, "TPU_ACCELERATOR_TYPE": topology, "JAX_NUM_CPU_DEVICES": str(devices)}


NOT_INHERITED = ("PYTEST_ADDOPTS", "COV_CORE_", "COVERAGE_PROCESS_", token.VARIABLE)
"""How the names of variables begin that are not for a worker: options of others, what would trace every line
that is timed, the secret that the sessions of several hosts share."""


@dataclass(frozen=True)
class Environment:
    """A Python that can run the tests: the words that start it, and what to call it in messages.

    ``foreign`` says that it is not the one that the session itself runs in.
    """

    name: str
    command: tuple[str, ...]
    foreign: bool

    def variables(self, kind: Kind, devices: int | None = None, *, shared: bool = False) -> dict[str, str]:
        """Those that a worker is given beside what it inherits. ``shared``: two use the accelerator.

        ``devices`` is how many it may use, None for all.
        """
        variables = {**VARIABLES_BY_KIND[kind], **(VARIABLES_WHEN_SHARED[kind] if shared else {})}
        if devices is not None:
            variables |= _limited_to(kind, devices)
        return variables

    def inherited(self) -> dict[str, str]:
        """The variables of this process that are for a worker."""
        unwanted = (*NOT_INHERITED, "PYTHONHOME") if self.foreign else NOT_INHERITED
        return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def _limited_to(kind: Kind, devices: int) -> dict[str, str]:
    """Return variables for the first ``devices`` GPUs, counted as NVML does; for JAX, logical devices of a
    CPU."""
    if kind is Kind.CPU:
        return {"JAX_NUM_CPU_DEVICES": str(devices)}
    if kind is Kind.TPU:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(devices))))
    first = ",".join(visible.split(",")[:devices])
    return {"CUDA_VISIBLE_DEVICES": first, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


CURRENT_ENVIRONMENT = Environment("this environment", (sys.executable,), foreign=False)


def named(given: str, folder: Path) -> Environment:
    """The environment that ``--accel-against`` names: an interpreter, a virtual environment, or a command.

    A relative path counts from ``folder``. Raises UserError if it is none of them.
    """
    path = folder / Path(given).expanduser()
    if os.path.isdir(path):  # noqa: PTH112, false for a command that is too long for a path
        pythons = [path / "bin" / name for name in ("python", "python3")]
        python = next((python for python in pythons if python.exists()), None)
        if python is None:
            raise UserError(
                f"--accel-against={given}: the folder has no bin/python: name a virtual environment's "
                "folder, an interpreter, or a command that starts a Python"
            )
        return Environment(given, (str(python),), foreign=True)
    if os.path.isfile(path):  # noqa: PTH113, as above
        return Environment(given, (str(path),), foreign=True)
    try:
        words = [os.path.expanduser(word) for word in shlex.split(given)]  # noqa: PTH111, a word need be no path
    except ValueError as error:
        raise UserError(f"--accel-against={given}: no command that a shell could read ({error})") from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise UserError(
            f"--accel-against={given}: there is no such interpreter, folder or command: name a virtual "
            "environment's folder, an interpreter, or a command that starts a Python"
        )
    return Environment(given, (program, *words[1:]), foreign=True)
