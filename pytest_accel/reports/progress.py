"""How far training is, for a person who watches a terminal: a bar of epochs, with top-1 as it comes in."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator

import pytest

from pytest_accel.records import Epoch

Told = Callable[[int, Epoch], None]
"""Takes the number of an epoch, from 1, and what it came to."""


@contextlib.contextmanager
def shown(config: pytest.Config, title: str, epochs: int) -> Iterator[Told]:
    """Show a bar while training goes on; nothing where no terminal or no rich is (Keras brings it)."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    if not getattr(reporter, "isatty", False) or importlib.util.find_spec("rich") is None:
        yield lambda _number, _epoch: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[seen]}"),
        TimeRemainingColumn(),
    )
    with contextlib.ExitStack() as stack:
        if capture is not None:
            stack.enter_context(capture.global_and_fixture_disabled())
        bar = stack.enter_context(Progress(*columns, transient=True))
        task = bar.add_task(title, total=epochs, seen="")

        def told(number: int, epoch: Epoch) -> None:
            seen = f"top-1 {100 * epoch.top1:.1f} %, loss {epoch.loss:.3g}"
            bar.update(task, completed=number, seen=seen)

        yield told
