"""The options of a command line one by one, as they were given there, by what pytest and its plugins know."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_accel.api.command_line import CommandLine

BARE = object()
"""The value of an option that was given without one, though it may have one."""


@dataclass(frozen=True)
class GivenOption:
    """One option of a command line: how it is spelt there, every spelling that it has, and its value."""

    flag: str
    spellings: tuple[str, ...]
    value: Any

    @property
    def words(self) -> list[str]:
        if self.value is BARE or self.value == []:
            return [self.flag]
        if isinstance(self.value, list):
            return [self.flag, *self.value]
        if len(self.flag) > 2:
            return [f"{self.flag}={self.value}"]
        # A short option's value may only begin with a dash where it is glued to it.
        return [self.flag + self.value] if self.value.startswith("-") else [self.flag, self.value]


def session_words(config: pytest.Config, line: CommandLine) -> Sequence[str]:
    """The command line with all that was added to it, in pytest's order."""
    if line.words is not None:
        return line.words
    # A conftest.py loaded this plugin, later than pytest says what it was called with.
    added = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    return [*config.getini("addopts"), *added, *map(str, config.invocation_params.args)]


def given_options(line: CommandLine, words: Sequence[str]) -> Iterator[GivenOption]:
    """The options among these words, in their order."""
    recorder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, fromfile_prefix_chars="@")
    recorder.add_argument("positional", nargs="*")
    for action in line.actions:
        if action.option_strings:
            recorder.add_argument(
                *action.option_strings, action=_Record, nargs=action.nargs, const=BARE, dest="given"
            )
    namespace, _ = recorder.parse_known_args(list(words), argparse.Namespace(given=[]))
    yield from namespace.given


class _Record(argparse.Action):
    """Keeps an option as it was given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        assert option_string is not None
        namespace.given.append(GivenOption(option_string, tuple(self.option_strings), values))
