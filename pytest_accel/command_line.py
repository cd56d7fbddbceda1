"""What a pytest session was called with, kept for the processes of its runs.

Every session of every project pays for importing this file, so it imports nothing heavy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import pytest

_NAME = "accel-command-line"


class CommandLine:
    """A pytest plugin. ``words`` is the command line with ``addopts``, None where that came too early.

    ``sys_path`` is Python's path before the first conftest.py is loaded.
    """

    def __init__(self, parser: pytest.Parser) -> None:
        self._parser = parser
        self.words: Sequence[str] | None = None
        self.sys_path: Sequence[str] = ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, args: list[str]) -> None:
        self.words = tuple(map(str, args))
        self.sys_path = tuple(sys.path)

    @property
    def actions(self) -> Sequence[argparse.Action]:
        """Every option that pytest and its plugins know.

        pytest has no public way to list them; tests/test_command.py says so when it moves.
        """
        parser: argparse.ArgumentParser = vars(self._parser)["optparser"]
        return parser._actions


def keep_command_line(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register a plugin that keeps it."""
    pluginmanager.register(CommandLine(parser), _NAME)


def command_line(config: pytest.Config) -> CommandLine:
    """That of a session that has this plugin."""
    line = config.pluginmanager.get_plugin(_NAME)
    assert isinstance(line, CommandLine)
    return line
