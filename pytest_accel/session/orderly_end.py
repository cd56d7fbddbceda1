"""Signals that would end the session at once, as a CI job's time limit does, let it end in order instead.

Reports are then written, and no process of a run is left.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

import pytest

EXIT_STATUS_OF_SIGNALS = 128
"""A session that a signal ended has this and the signal's number as its exit status, as in a shell."""


@contextlib.contextmanager
def orderly_end() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``pytest.exit``, where nobody else has a use for them."""

    def end(number: int, _: object) -> None:
        pytest.exit(f"ended by {signal.Signals(number).name}", returncode=EXIT_STATUS_OF_SIGNALS + number)

    deadly = (signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in deadly if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # Python allows handlers in the main thread only
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
