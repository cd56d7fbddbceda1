"""What a person types next about a benchmark: as this session was called, for that benchmark alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_accel.api import options, settings
from pytest_accel.api.command_line import command_line
from pytest_accel.api.expected_failures import may_be_expected_to_fail
from pytest_accel.records import NextCommand, NextStep
from pytest_accel.runs.worker_process import pytest_command, python_flags, withheld_options
from pytest_accel.runs.worker_process.given_options import GivenOption, given_options

SELECTING = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob", "--pyargs")
"""Options that choose benchmarks and stay what they are from session to session."""

PRINTING = (
    "-v", "-q", "-r", "-l", "--verbosity", "--tb", "--xfail-tb", "--full-trace", "--durations",
    "--durations-min", "--no-header", "--no-summary", "--force-short-summary", "--no-fold-skipped", "--color",
    "--code-highlight", "--show-capture", "--disable-warnings", "--log-cli-level", "--log-cli-format",
)  # fmt: skip

OF_THIS_SESSION = (
    *SELECTING,
    *PRINTING,
    *withheld_options.WHICH_TESTS_RUN,
    *withheld_options.REPORTS,
    *withheld_options.DEBUGGERS,
    *withheld_options.CAPTURE,
    "--collect-only",
)
"""Options that say nothing of how a benchmark is measured."""

HARD_LIMITS = frozenset({"--accel-session-budget"})
"""A step that goes without one of these is of no use where it cannot."""

RECORDING = ("--accel-update-baselines", "--accel-record-missing")

SETTLED_BY_CALIBRATION = (
    "--accel-runs", "--accel-against", "--accel-baselines", "--accel-session-budget", "--no-accel-strict",
)  # fmt: skip
"""``pytest-accel calibrate`` gives these to its sessions itself, or has a limit of its own."""


def next_command(item: pytest.Item, step: NextStep) -> NextCommand | None:
    """Fill in the benchmark, and the options of the command line that decide how it is measured.

    Those of ``addopts`` and of the ini file hold for the next session as well, so they are not repeated. None
    where these, or the marker of the test, would undo the step.
    """
    given = list(given_options(command_line(item.config), _typed_words(item.config)))
    if _is_undone(item, step, {spelling for one in given for spelling in one.spellings}):
        return None
    program, _, subcommand = step.command.partition(" ")
    if subcommand:
        kept = list(_kept(given, {*RECORDING, *SETTLED_BY_CALIBRATION}))
        before = (_installed(program, item.config), subcommand, *_baselines(item.config))
        session = None if _selection(given) else _paths(item.config) or None
        return NextCommand(step.purpose, before, _benchmark(item), session, ("--", *kept) if kept else ())
    dropped = {"--accel-in-process", *map(_flag, step.options), *step.without}
    kept = list(_kept(given, dropped if step.records_as_before else {*dropped, *RECORDING}))
    session = None
    if "--accel-update-baselines" not in step.options and not _is_partial(given):
        session = (*_paths(item.config), *_selection(given))
    return NextCommand(step.purpose, _pytest(item.config), _benchmark(item), session, (*kept, *step.options))


def _is_undone(item: pytest.Item, step: NextStep, typed: Collection[str]) -> bool:
    """Whether a setting from elsewhere than the command line keeps the step from doing what it is for."""
    records = not set(RECORDING).isdisjoint(step.options)
    if records and may_be_expected_to_fail(item):
        return True  # it is expected to fail, so it records nothing
    resolved, marked = settings.settings_for(item), settings.marker_arguments(item)
    set_by_step = {*map(_flag, step.options)}
    # Only one way to record may be asked for, and none in pytest's own process.
    in_the_way = {"--accel-in-process", *HARD_LIMITS.intersection(step.without)}
    if records or "--accel-in-process" in set_by_step:
        in_the_way.update(RECORDING)
    for option in options.OPTIONS:
        if option.flag in set_by_step and option.name in marked:
            return True
        is_set = getattr(resolved, option.name) != option.default
        if option.flag in in_the_way - set_by_step and is_set and option.flag not in typed:
            return True
    return False


def _flag(option: str) -> str:
    return option.partition("=")[0]


def _benchmark(item: pytest.Item) -> str:
    file, (_, separator, test) = pytest_command.file_of(item), item.nodeid.partition("::")
    return file + separator + test


def _typed_words(config: pytest.Config) -> list[str]:
    return list(map(str, config.invocation_params.args))


def _kept(given: Sequence[GivenOption], dropped: Collection[str]) -> Iterator[str]:
    for one in given:
        if {*OF_THIS_SESSION, *dropped}.isdisjoint(one.spellings):
            yield from one.words


def _is_partial(given: Sequence[GivenOption]) -> bool:
    """Whether the session may have run only some of what its paths select, as with ``--lf``."""
    others = {*withheld_options.WHICH_TESTS_RUN} - {"--pyargs"}
    return any(not others.isdisjoint(one.spellings) for one in given)


def _paths(config: pytest.Config) -> tuple[str, ...]:
    """Those that the session was called with; without any, pytest knows where the tests are."""
    return tuple(config.args) if config.args_source is pytest.Config.ArgsSource.ARGS else ()


def _selection(given: Sequence[GivenOption]) -> tuple[str, ...]:
    return tuple(word for one in given if set(SELECTING) & set(one.spellings) for word in one.words)


def _baselines(config: pytest.Config) -> list[str]:
    """The folder that ``pytest-accel`` would not find by itself."""
    folder = settings.baselines_folder(config, settings.resolve(config, {}))
    usual = config.invocation_params.dir / "baselines"
    return [] if folder == usual else [f"--baselines={_short(str(folder), config)}"]


def _pytest(config: pytest.Config) -> tuple[str, ...]:
    """How pytest was called: as a program, or as a module, which puts the current folder on Python's path."""
    called = Path(sys.argv[0]).name
    if called == "__main__.py":
        return (_as_typed(sys.executable or "python", config), *python_flags.flags(), "-m", "pytest")
    return (_as_typed(sys.argv[0], config) if called == "pytest" else _installed("pytest", config),)


def _installed(program: str, config: pytest.Config) -> str:
    """A program of this environment."""
    return _as_typed(str(Path(sys.executable or program).with_name(program)), config)


def _as_typed(program: str, config: pytest.Config) -> str:
    """By its name, where a shell finds this very program by that; else by the path."""
    name, path = Path(program).name, config.invocation_params.dir / program
    found = shutil.which(name)
    # Not resolved: the Python of every virtual environment is a link to the same file.
    is_found = found is not None and os.path.normpath(found) == os.path.normpath(path)
    return name if is_found or not path.exists() else _short(str(path), config)


def _short(path: str, config: pytest.Config) -> str:
    """Relative to where the session was called, if it lies below."""
    relative = os.path.relpath(path, config.invocation_params.dir)
    return path if relative.startswith(os.pardir) else relative
