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
    """A pytest plugin. ``words`` is the command line with ``addopts``, None where this plugin was loaded too
    late to see it.

    ``sys_path`` is Python's path before the first conftest.py is loaded.
    """

    def __init__(self, parser: pytest.Parser) -> None:
        self._parser = parser
        self.words: Sequence[str] | None = None
        self.sys_path: Sequence[str] = ()
        self._of_plugins: set[str] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, args: list[str]) -> None:
        self.words = tuple(map(str, args))
        self.sys_path = tuple(sys.path)
        self._of_plugins = {name for action in self._actions() for name in action.option_strings}

    @property
    def actions(self) -> Sequence[argparse.Action]:
        """Every option that pytest and its plugins know.

        pytest has no public way to list them; tests/runs/test_pytest_command.py says so when it moves.
        """
        return self._actions()

    def is_of_conftest(self, spellings: Sequence[str]) -> bool:
        """Whether a conftest.py added the option with these spellings."""
        return self._of_plugins is not None and self._of_plugins.isdisjoint(spellings)

    def _actions(self) -> Sequence[argparse.Action]:
        parser = vars(self._parser).get("optparser")
        if parser is None:  # pytest 8 makes it when it is needed
            parser = self._parser._getparser()  # type: ignore[attr-defined]
        assert isinstance(parser, argparse.ArgumentParser)
        return parser._actions


def keep_command_line(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register a plugin that keeps it."""
    pluginmanager.register(CommandLine(parser), _NAME)


def command_line(config: pytest.Config) -> CommandLine:
    """That of a session that has this plugin."""
    line = config.pluginmanager.get_plugin(_NAME)
    assert isinstance(line, CommandLine)
    return line
