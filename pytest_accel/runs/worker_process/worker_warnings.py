"""Warnings of tests in worker processes: the session shows each once, however many runs there are."""

from __future__ import annotations

import sys
import warnings

import pytest

from pytest_accel.worker.messages import WarningRecorded

MAX_PER_BENCHMARK = 50
"""More different warnings of one benchmark are not shown: a step may put a number into the text."""

_SHOWN = pytest.StashKey[set[tuple[str, str, int]]]()


def forward(item: pytest.Item, recorded: WarningRecorded) -> None:
    """Let the session record a warning that a run of ``item`` has sent, unless an earlier run did."""
    shown = item.stash.setdefault(_SHOWN, set())
    # One that blames the caller of a step blames a line of ours, of which there are two.
    lineno = 0 if recorded.filename.startswith("pytest_accel/") else recorded.lineno
    key = (recorded.text, recorded.filename, lineno)
    if key in shown or len(shown) >= MAX_PER_BENCHMARK:
        return
    shown.add(key)
    category = _category(recorded.module, recorded.category)
    warning = warnings.WarningMessage(recorded.text, category, recorded.filename, recorded.lineno)
    item.config.hook.pytest_warning_recorded.call_historic(
        kwargs={
            "warning_message": warning,
            "when": "runtest",
            "nodeid": item.nodeid,
            "location": recorded.location,
        }
    )


def _category(module: str, name: str) -> type[Warning]:
    """The class itself where this process has it: a framework is not imported for its warnings."""
    known = getattr(sys.modules.get(module), name, None)
    if isinstance(known, type) and issubclass(known, Warning):
        return known
    return type(name, (Warning,), {"__module__": module})
