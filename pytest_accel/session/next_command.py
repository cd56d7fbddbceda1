"""What a person types next about a benchmark: as this session was called, for that benchmark alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from pytest_accel.api import settings
from pytest_accel.api.command_line import command_line
from pytest_accel.records import NextCommand, NextStep
from pytest_accel.runs.worker_process import pytest_command, withheld_options
from pytest_accel.runs.worker_process.given_options import GivenOption, given_options

SELECTING = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob")
"""Options that choose benchmarks."""

OF_THIS_SESSION = (
    *SELECTING, "--collect-only", "-v", "-q", "-r", "--verbosity",
    "--tb", "--durations", "--durations-min", "--no-header", "--no-summary", "--color",
    "--accel-update-baselines", "--accel-record-missing",
)  # fmt: skip
"""Options that are about what this session ran, said or recorded, and say nothing of a benchmark."""

SETTLED_BY_CALIBRATION = ("--accel-runs", "--accel-against", "--accel-baselines", "--no-accel-strict")
"""``pytest-accel calibrate`` gives these to its sessions itself."""


def next_command(item: pytest.Item, step: NextStep) -> NextCommand:
    """Fill in the benchmark, and the options of the command line that decide how it is measured.

    Those of ``addopts`` and of the ini file hold for the next session as well, so they are not repeated.
    """
    program, _, subcommand = step.command.partition(" ")
    if subcommand:
        options = list(_kept(item.config, SETTLED_BY_CALIBRATION))
        before = (_installed(program), subcommand, *_baselines(item.config))
        session = None if _selection(item.config) else _paths(item.config) or None
        after = ("--", *options) if options else ()
        return NextCommand(step.purpose, before, _benchmark(item), session, after)
    replaced = [option.partition("=")[0] for option in step.options]
    options = [*_kept(item.config, [*replaced, *step.without]), *step.options]
    session = (*_paths(item.config), *_selection(item.config))
    return NextCommand(step.purpose, _pytest(), _benchmark(item), session, tuple(options))


def _benchmark(item: pytest.Item) -> str:
    file, (_, separator, test) = pytest_command.file_of(item), item.nodeid.partition("::")
    return file + separator + test


def _paths(config: pytest.Config) -> tuple[str, ...]:
    """Those that the session was called with; without any, pytest knows where the tests are."""
    return tuple(config.args) if config.args_source is pytest.Config.ArgsSource.ARGS else ()


def _selection(config: pytest.Config) -> tuple[str, ...]:
    return tuple(
        word for given in _given(config) if set(SELECTING) & set(given.spellings) for word in given.words
    )


def _given(config: pytest.Config) -> Iterator[GivenOption]:
    return given_options(command_line(config), list(map(str, config.invocation_params.args)))


def _kept(config: pytest.Config, dropped: Collection[str]) -> Iterator[str]:
    for given in _given(config):
        if not withheld_options.is_withheld(given.spellings, {*OF_THIS_SESSION, *dropped}):
            yield from given.words


def _baselines(config: pytest.Config) -> list[str]:
    """The folder that ``pytest-accel`` would not find by itself."""
    folder = settings.baselines_folder(config, settings.resolve(config, {}))
    return [] if folder == Path.cwd() / "baselines" else [f"--baselines={_short(str(folder))}"]


def _pytest() -> tuple[str, ...]:
    """How pytest was called: as a program, or as a module, which puts the current folder on Python's path."""
    if Path(sys.argv[0]).name == "__main__.py":
        return (_as_typed(sys.executable), "-m", "pytest")
    return (_installed("pytest"),)


def _installed(program: str) -> str:
    return _as_typed(str(Path(sys.executable).with_name(program)))


def _as_typed(program: str) -> str:
    """By its name, where a shell finds this very program by that; else by the path."""
    name = Path(program).name
    found = shutil.which(name)
    # Not resolved: the Python of every virtual environment is a link to the same file.
    is_found = found is not None and os.path.abspath(found) == os.path.abspath(program)  # noqa: PTH100
    return name if is_found or not Path(program).exists() else _short(program)


def _short(path: str) -> str:
    """Relative to where the session was called, if it lies below."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative
