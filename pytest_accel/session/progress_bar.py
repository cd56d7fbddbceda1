"""How far a benchmark is, for a person who watches a terminal: a bar that is gone when it is done.

Not written to logs, and absent unless ``rich`` is installed (Keras depends on it).
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accel.analysis.formatting import percent, quantity
from pytest_accel.records import Epoch, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress

    from pytest_accel.records.progress import BlockSeen, OnBlock, OnEpoch


class TerminalProgress:
    """What a person sees of one benchmark. ``name`` is what it is called there."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        self._config = config
        self._name = name
        self._interval = ""

    def compared(self, verdict: Verdict) -> None:
        """Take note of the provisional verdict."""
        if verdict.comparisons:
            low, high = verdict.comparisons[0].interval
            self._interval = f"{percent(low)}% to {percent(high)}%"

    def pause(self, seconds: float) -> None:
        """Wait, and say why."""
        with self._bar(self._name, None) as update:
            update(0, f"waiting {seconds:.0f} s: runs apart in time do not share a slow spell of the machine")
            time.sleep(seconds)

    @contextlib.contextmanager
    def training(self, seed: int, epochs: int) -> Iterator[OnEpoch]:
        """A bar of epochs, with top-1 as it comes in."""
        with self._bar(f"{self._name}, seed {seed}", epochs) as update:

            def on_progress(number: int, epoch: Epoch) -> None:
                update(number, f"top-1 {100 * epoch.top1:.1f}%, loss {epoch.loss:.3g}")

            yield on_progress

    @contextlib.contextmanager
    def steps(self, what: str, blocks: int | None, seconds: float) -> Iterator[OnBlock]:
        """A bar of blocks, with the fastest step, the interval so far and what is left of the budget."""
        with self._bar(f"{self._name}, {what}", blocks) as update:

            def on_progress(block: BlockSeen) -> None:
                step = f"{quantity('step_time_s', block.fastest_step_time_s)} per step"
                left = f"at most {max(0.0, seconds - block.spent_s):.0f} s more"
                if block.waiting_for is not None:
                    left = f"waiting for a quiet machine: {block.waiting_for}"
                update(block.number, ", ".join(part for part in (step, self._interval, left) if part))

            yield on_progress

    @contextlib.contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Any]:
        """What takes the number that is done, and words about it."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        capture = self._config.pluginmanager.getplugin("capturemanager")
        if not getattr(reporter, "isatty", False) or importlib.util.find_spec("rich") is None:
            yield lambda _number, _words: None
            return
        with contextlib.ExitStack() as stack:
            if capture is not None:
                stack.enter_context(capture.global_and_fixture_disabled())
            stack.enter_context(_below(self._config.get_terminal_writer().width_of_current_line))
            bar = stack.enter_context(_progress())
            task = bar.add_task(title, total=total, words="")
            yield lambda number, words: bar.update(task, completed=number, words=words)


@contextlib.contextmanager
def _below(column: int) -> Iterator[None]:
    """On the next line, so that what pytest has written up to ``column`` stays; it goes on there."""
    if not column:
        yield
        return
    sys.stdout.write("\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(f"\x1b[A\x1b[{column}C")
        sys.stdout.flush()


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    return Progress(*columns, transient=True)
