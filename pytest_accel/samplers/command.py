"""How a child session is called: as the session of the user was, for one file, and without reports."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

import pytest

from pytest_accel.records import Kind

ENVIRONMENT: Mapping[Kind, Mapping[str, str]] = {
    Kind.CPU: {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
    Kind.GPU: {"TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    Kind.TPU: {},
}
"""What keeps frameworks to the accelerator that was asked for, and from taking all its memory."""

NOT_INHERITED = ("PYTEST_ADDOPTS", "COV_CORE_", "COVERAGE_PROCESS_")
"""Variables that would hand the child options that are not for it, or trace every line that is timed."""

OURS = ("accel", "pytest_accel.plugin")
"""Names of the plugin of the session that starts a child; the child has the agent instead."""


def arguments(item: pytest.Item) -> list[str]:
    """A pytest session for the test's file that writes no reports and has the agent in our place."""
    config = item.config
    given = config.known_args_namespace
    # Relative, since pytest takes a bracket in a path for parameters, and folders above may have one.
    file = os.path.relpath(item.path, config.invocation_params.dir)
    command = [sys.executable, "-m", "pytest", file, "--no-header"]
    command += [f"--rootdir={config.rootpath}", "-c", str(config.inipath or os.devnull)]
    command += [f"--confcutdir={given.confcutdir}", f"--import-mode={given.importmode}"]
    command += ["-o", "addopts=", "-o", "log_file="]
    for override in given.override_ini or ():
        if not override.startswith(("addopts=", "log_file=")):
            command += ["-o", override]
    for warning in given.pythonwarnings or ():
        command += ["-W", warning]
    command += [f"--{flag}" for flag in ("noconftest", "disable-plugin-autoload") if _is_set(given, flag)]
    for plugin in given.plugins:
        if plugin.removeprefix("no:") not in (*OURS, "terminal"):  # what a child prints may say why it failed
            command += ["-p", plugin]
    for unwanted in (*OURS, "lfplugin", "nfplugin", "rerunfailures"):
        command += ["-p", f"no:{unwanted}"]
    return [*command, "-p", "pytest_accel.agent"]


def _is_set(given: argparse.Namespace, flag: str) -> bool:
    return bool(getattr(given, flag.replace("-", "_"), False))


def environment(kind: Kind) -> dict[str, str]:
    """That of this process, without what is not for a child, and with what keeps it to its accelerator."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    return {**inherited, **ENVIRONMENT[kind]}
