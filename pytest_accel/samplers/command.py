"""How a child session is called: as the session of the user was, for one file, and without reports."""

from __future__ import annotations

import argparse
import os

import pytest

OURS = ("accel", "pytest_accel.plugin")
"""Names of the plugin of the session that starts a child; the child has the agent instead."""


def arguments(item: pytest.Item) -> list[str]:
    """Of a pytest session for the test's file that writes no reports and has the agent in our place."""
    config = item.config
    given = config.known_args_namespace
    # Relative, since pytest takes a bracket in a path for parameters, and folders above may have one.
    file = os.path.relpath(item.path, config.invocation_params.dir)
    command = [file, "--no-header"]
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
