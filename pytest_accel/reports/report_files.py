"""The reports of a session that are files: which were asked for, and writing them at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from pytest_accel.baselines.catalog import PUBLISHED
from pytest_accel.records import Accelerator, Price, Result
from pytest_accel.records.project import ProjectState
from pytest_accel.reports import github, markdown, terminal
from pytest_accel.reports.common import atomic_write, json_writer
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.html import page


class Written(NamedTuple):
    """The files that were written, and what is said of those that could not be."""

    paths: tuple[Path, ...] = ()
    complaints: tuple[str, ...] = ()


def check(paths: Mapping[str, Path]) -> None:
    """``paths`` are by option. Raises ReportError for a file that could not be written, or is named twice."""
    options: dict[Path, str] = {}
    for option, path in paths.items():
        atomic_write.check_writable(path, option)
        other = options.setdefault(path.resolve(), option)
        if other != option:
            raise ReportError(f"{other} and {option} name the same file, {path}: name two.")
    if "--accel-html" in paths:
        page.check_installed()


def write(
    paths: Mapping[str, Path],
    accelerator: Accelerator,
    price: Price | None,
    project: ProjectState,
    results: Sequence[Result],
    *,
    against: str | None,
    folder: Path,
    strict: bool,
) -> Written:
    """Write those that ``paths`` names by option, and the summary of a job.

    ``folder`` is that of the baselines.
    """
    hardware = terminal.hardware_line(accelerator, price, against=against)
    provenance = next((result.provenance for result in results if result.provenance), {})

    def numbers() -> Mapping[str, Any]:
        """The report without what single runs saw, which for a thousand benchmarks takes seconds to read."""
        without_runs = [replace(result, runs=(), reference_runs=()) for result in results]
        return cast(
            "Mapping[str, Any]", json_writer.document(accelerator, price, provenance, without_runs, project)
        )

    texts: dict[str, Callable[[], str]] = {
        "--accel-json": lambda: json_writer.text(accelerator, price, provenance, results, project),
        "--accel-html": lambda: page.text(
            hardware, numbers(), results, folder / PUBLISHED, project, strict=strict
        ),
        "--accel-markdown": lambda: markdown.text(hardware, results),
    }
    written, complaints = [], []
    for option, path in paths.items():
        try:
            atomic_write.write(path, texts[option](), option)
            written.append(path)
        except ReportError as error:
            complaints.append(str(error))
    try:
        github.append_summary(markdown.text(hardware, results))
    except ReportError as error:
        complaints.append(str(error))
    return Written(tuple(written), tuple(complaints))
