"""How a worker process is called: as the session of the user was, for one file.

The words of the session's command line, of ``addopts`` and of ``PYTEST_ADDOPTS`` are taken apart by the
options that pytest itself has, so that what is not for a run can be left out (``withheld``).
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_accel.api.command_line import command_line
from pytest_accel.records import parameters
from pytest_accel.runs.worker_process import withheld_options
from pytest_accel.runs.worker_process.given_options import (
    BARE,
    GivenOption,
    given_options,
    session_words,
)
from pytest_accel.worker.messages import ConftestOption


@dataclass(frozen=True)
class HandedOver:
    """The options of a session that its runs get, as words, and those that they do not, as they were given.

    Ours are not named. ``basetemp`` is the session's ``--basetemp``, if there is one. ``objects`` are types
    of plugin objects that a program gave to ``pytest.main``.
    """

    options: tuple[str, ...]
    withheld: tuple[str, ...]
    basetemp: Path | None
    objects: tuple[str, ...] = ()


_PATH_OF_RUNS = pytest.StashKey[tuple[str, ...]]()
_HANDED_OVER = pytest.StashKey[HandedOver]()


def handed_over(config: pytest.Config) -> HandedOver:
    """What of the session's command line goes to its runs."""
    if _HANDED_OVER not in config.stash:
        config.stash[_HANDED_OVER] = _handed_over(config)
    return config.stash[_HANDED_OVER]


def arguments(item: pytest.Item, run: str) -> list[str]:
    """Of a pytest session for the test's file, in the run of this name."""
    config = item.config
    handed = handed_over(config)
    words = [file_of(item), *handed.options]
    if handed.basetemp is not None:
        words.append(f"--basetemp={_session_basetemp(config, handed.basetemp) / f'run-{run}'}")
    # Relative, since pytest replaces variables in a rootdir, and folders above may be called like one.
    rootdir = os.path.relpath(config.rootpath, config.invocation_params.dir)
    words += ["--no-header", f"--rootdir={rootdir}", "-c", str(config.inipath or os.devnull)]
    words.append(f"--confcutdir={config.known_args_namespace.confcutdir}")
    words += ["-o", "addopts=", *_overrides(config)]
    for name in withheld_options.OWN_PLUGINS:
        words += ["-p", f"no:{name}"]
    return words


def conftest_options(config: pytest.Config) -> tuple[ConftestOption, ...]:
    """Options that conftest files added and that were given.

    A run loads the conftests above its test only, so it may know no other's.
    """
    line = command_line(config)
    return tuple(
        ConftestOption(given.spellings, _count(given.value))
        for given in given_options(line, session_words(config, line))
        if line.is_of_conftest(given.spellings)
    )


def _count(value: object) -> int | str | None:
    """How many values an option takes, as argparse has it."""
    if value is BARE:
        return "?"
    return len(value) if isinstance(value, list) else None


def _overrides(config: pytest.Config) -> list[str]:
    """Settings of the ini file that are not for a run."""
    words = []
    with contextlib.suppress(ValueError):  # of pytest's logging plugin, which may be switched off
        words += ["-o", "log_file="] if config.getini("log_file") else []
    required = config.getini("required_plugins")
    others = [name for name in required if not name.lower().replace("_", "-").startswith("pytest-accel")]
    if others != required:
        words += ["-o", f"required_plugins={' '.join(others)}"]
    return words


def options(config: pytest.Config) -> dict[str, Any]:
    """Options by destination that are set in a run where it has them: what plugins chose, and ours."""
    chosen = {name: config.getoption(name, None) for name in withheld_options.RESOLVED}
    return {
        **withheld_options.SET,
        **{name: value for name, value in chosen.items() if isinstance(value, int)},
    }


def keep_path(config: pytest.Config, sys_path: Sequence[str]) -> None:
    """Take note of Python's path in a run, before the first conftest.py is loaded."""
    config.stash[_PATH_OF_RUNS] = tuple(sys_path)


def notes(item: pytest.Item) -> tuple[str, ...]:
    """In what the runs of a test differ from the session that the user started."""
    config = item.config
    handed = handed_over(config)
    notes = []
    if handed.withheld:
        notes.append(f"not given to worker processes: {', '.join(handed.withheld)}")
    not_handed_over = "not handed over to worker processes: "
    notes += [f"{not_handed_over}a plugin object ({name})" for name in handed.objects]
    of_runs = config.stash.get(_PATH_OF_RUNS, None)
    if of_runs is not None:
        missing = [entry for entry in command_line(config).sys_path if entry and entry not in of_runs]
        if missing:
            added = ", ".join(missing)
            notes.append(f"{not_handed_over}sys.path entries that the caller of pytest added: {added}")
    for name in parameters.of_item(item)[1]:
        notes.append(f"of the parameter {name} only the type is compared: let its id say what it is")
    return tuple(notes)


def file_of(item: pytest.Item) -> str:
    """The file of a test, as an argument of pytest.

    Relative, since pytest takes a bracket in a path for parameters, and folders above may have one.
    """
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    return file if file[0] not in "@-" else os.path.join(os.curdir, file)  # noqa: PTH118, Path drops the dot


def _handed_over(config: pytest.Config) -> HandedOver:
    line = command_line(config)
    also = cast("list[str]", config.getini("accel_withhold"))
    kept: list[str] = []
    left_out: list[str] = []
    basetemp = None
    for given in given_options(line, session_words(config, line)):
        if "--basetemp" in given.spellings:
            basetemp = config.invocation_params.dir / Path(given.value).expanduser()
        elif withheld_options.is_withheld(given.spellings, also):
            if not given.flag.startswith("--accel-"):
                left_out.append(shlex.join(given.words))
        elif config.inipath is None and _is_path_setting(given):
            kept += ["-o", _absolute(given.value, config.invocation_params.dir)]
        elif not _is_settled_by_us(given):
            kept += given.words
    plugins = config.invocation_params.plugins or ()
    for name in plugins:
        kept += ["-p", name] if isinstance(name, str) else []
    objects = tuple(type(plugin).__name__ for plugin in plugins if not isinstance(plugin, str))
    return HandedOver(tuple(kept), tuple(dict.fromkeys(left_out)), basetemp, objects)


def _is_path_setting(given: GivenOption) -> bool:
    return "-o" in given.spellings and given.value.startswith("pythonpath=")


def _absolute(setting: str, folder: Path) -> str:
    """Paths count from the ini file, or where there is none, from where pytest was called."""
    key, _, value = setting.partition("=")
    return f"{key}={shlex.join(str(folder / path) for path in shlex.split(value))}"


def _is_settled_by_us(given: GivenOption) -> bool:
    if "-p" in given.spellings:
        return given.value.strip() in withheld_options.NOT_ASKED_FOR
    return not set(withheld_options.SETTLED_BY_US).isdisjoint(given.spellings)


def _session_basetemp(config: pytest.Config, given: Path) -> Path:
    """The session's own folder, made now: pytest empties it when it is first used, and runs are inside."""
    factory = getattr(config, "_tmp_path_factory", None)
    return given if factory is None else Path(factory.getbasetemp())
