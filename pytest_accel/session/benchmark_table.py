"""Whether pytest-benchmark is to know of our benchmarks, which it then shows in a table of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_accel.api.command_line import command_line
from pytest_accel.api.fixtures import uses_accel
from pytest_accel.runs.worker_process.given_options import given_options, session_words

ASK_FOR_NOTHING = frozenset({
    "--benchmark-calibration-precision", "--benchmark-cprofile-loops", "--benchmark-disable",
    "--benchmark-disable-gc", "--benchmark-enable", "--benchmark-max-time", "--benchmark-min-rounds",
    "--benchmark-min-time", "--benchmark-only", "--benchmark-quiet", "--benchmark-skip", "--benchmark-timer",
    "--benchmark-warmup", "--benchmark-warmup-iterations",
})  # fmt: skip
"""Options of pytest-benchmark about how its own benchmarks run, or that hide its table. All others ask for
something to be shown or saved."""


def is_wanted(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Whether the user asks pytest-benchmark for something, or has tests that use its ``benchmark`` fixture.

    Else its table would say in other numbers what a verdict has said already.
    """
    line = command_line(config)
    flags = {given.flag for given in given_options(line, session_words(config, line))}
    if any(flag.startswith("--benchmark-") and flag not in ASK_FOR_NOTHING for flag in flags):
        return True
    return any("benchmark" in getattr(item, "fixturenames", ()) and not uses_accel(item) for item in items)
