"""What GitHub Actions shows of a session: annotations of failures, and the job's summary.

Both are on by themselves there: the variables GITHUB_ACTIONS and GITHUB_STEP_SUMMARY say so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_accel.records import Result
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.common.worst_first import worst_first

MAX_ANNOTATIONS = 10
"""GitHub shows no more errors of a step: "Workflow commands", its documentation of Actions."""

MAX_SUMMARY_BYTES = 2**20
"""A longer summary of a step is not shown at all, by the same source."""

_CUT = "\n\nThe rest does not fit into a summary: it is in the log of this job.\n"


def error_commands(
    results: Sequence[Result], source_location: Callable[[str], tuple[str, int]], *, strict: bool
) -> list[str]:
    """Lines to print, one for each benchmark that fails, the worst first; none elsewhere than on GitHub.

    ``source_location`` gives the file and the line of a benchmark, the file as the repository knows it.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    failing = [result for result in results if result.fails(strict=strict)]
    lines = []
    for result in worst_first(failing)[:MAX_ANNOTATIONS]:
        file, line = source_location(result.nodeid)
        title = f"{result.verdict.outcome}: {result.nodeid}"
        properties = f"file={_property(file)},line={line},title={_property(title)}"
        lines.append(f"::error {properties}::{_data(result.verdict.reason)}")
    return lines


def append_summary(markdown: str) -> None:
    """Add to the summary of this step, as much as fits. Raises ReportError if that cannot be written."""
    given = os.environ.get("GITHUB_STEP_SUMMARY")
    if not given:
        return
    path = Path(given)
    try:
        before = path.stat().st_size if path.exists() else 0
        apart = "\n" if before else ""  # what the step said before may end without a line break
        added = (apart + markdown).encode(errors="backslashreplace")
        with path.open("ab") as file:
            file.write(_cut(added, MAX_SUMMARY_BYTES - before))
    except OSError as error:
        raise ReportError(
            f"cannot write the job's summary {path}: {error.strerror or error}. "
            "Unset GITHUB_STEP_SUMMARY to go without."
        ) from error


def _cut(text: bytes, room: int) -> bytes:
    """At the end of a line, with a word on it; nothing where not even that fits."""
    if len(text) <= room:
        return text
    whole_lines = text[: max(0, room - len(_CUT.encode()))].rpartition(b"\n")[0]
    return whole_lines + _CUT.encode() if whole_lines else b""


def _data(text: str) -> str:
    """On one line, and without what a terminal would obey."""
    text = "".join(one if one.isprintable() or one in "\r\n" else ascii(one)[1:-1] for one in text)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
