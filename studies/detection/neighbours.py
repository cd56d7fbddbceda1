"""Programs that disturb a measurement: what live_sessions.py runs beside it."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

BUSY = "while True: pass"
STREAMS = "import numpy\na = numpy.zeros(2**27)\nwhile True: a += 1"
"""Through 1 GB of memory, again and again."""

BURST_S, PAUSE_S = (5.0, 90.0), (5.0, 60.0)


@contextlib.contextmanager
def program(text: str) -> Iterator[None]:
    """A Python process that runs this, until the end."""
    process = subprocess.Popen([sys.executable, "-c", text])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def idle() -> Iterator[None]:
    yield


@contextlib.contextmanager
def steady() -> Iterator[None]:
    with program(BUSY):
        yield


@contextlib.contextmanager
def memory_hog() -> Iterator[None]:
    with program(STREAMS):
        yield


@contextlib.contextmanager
def bursts() -> Iterator[None]:
    """One or two busy processes for 5 to 90 s, and pauses of 5 to 60 s, beginning anywhere in that."""
    ended = threading.Event()

    def disturb() -> None:
        ended.wait(random.uniform(0, PAUSE_S[1]))
        while not ended.is_set():
            with contextlib.ExitStack() as stack:
                for _ in range(random.choice((1, 2))):
                    stack.enter_context(program(BUSY))
                ended.wait(random.uniform(*BURST_S))
            ended.wait(random.uniform(*PAUSE_S))

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


CONDITIONS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "idle": idle,
    "steady neighbour": steady,
    "bursts": bursts,
    "memory hog": memory_hog,
}
