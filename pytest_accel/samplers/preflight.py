"""Whether an environment can run tests at all, asked before anything is measured."""

from __future__ import annotations

from pathlib import Path

from pytest_accel.samplers import InvalidRun, remote_test
from pytest_accel.samplers.child import Hung, started
from pytest_accel.samplers.environments import Environment

_GREETING_S = 120.0
"""How long the other environment may take to say that it is there: a container has to be made first."""


def check(environment: Environment, folder: Path) -> None:
    """Raise InvalidRun if tests cannot run in this environment; started in ``folder``."""
    with started(environment, ["--version"], {}, folder, _GREETING_S) as child:
        try:
            remote_test.check(child.greeting())
            child.load({}, {})
            status = child.exit_status()
        except Hung as hung:
            raise InvalidRun(f"it gives no sign of life within {_GREETING_S:g} s", hung.output) from None
        if status != 0:
            raise InvalidRun(f"its pytest does not start: it ends with exit status {status}", child.output)
