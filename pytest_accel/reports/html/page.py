"""A page (``--accel-html``): one file, the verdict first. Needs the extra ``report``."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from pytest_accel.analysis.formatting import label, one_line, quantity
from pytest_accel.records import NextCommand, Outcome, Result, files
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.common.json_writer import finite
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import header, rows
from pytest_accel.reports.common.worst_first import worst_first
from pytest_accel.reports.comparison import from_report, published
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.html import benchmark_figures, session_figures
from pytest_accel.reports.html.figure import Figure


def missing_modules() -> list[str]:
    """What the page needs and this environment does not have."""
    return [name for name in ("jinja2", "plotly") if importlib.util.find_spec(name) is None]


def check_installed() -> None:
    """Raise ReportError if what makes the page is not there."""
    missing = missing_modules()
    if missing:
        raise ReportError(f'--accel-html needs {" and ".join(missing)}: pip install "pytest-accel[report]"')


def text(
    hardware: str, report: Mapping[str, Any], results: Sequence[Result], folder: Path, *, strict: bool
) -> str:
    """The page. ``report`` is the session's JSON report, whose runs are not read.

    ``hardware`` is the line that the terminal has of it, ``folder`` has results that others published. The
    plots of a benchmark are drawn when it is opened.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    place = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(place), autoescape=True, undefined=jinja2.StrictUndefined
    )
    ordered = worst_first(results)
    sources = [from_report.results(report), *_published(folder)]
    drawn: list[Figure] = []

    def numbered(some: Sequence[Figure]) -> list[tuple[int, Figure]]:
        first = len(drawn)
        drawn.extend(some)
        return list(enumerate(some, first))

    all_sentences = sentences(ordered)
    page: str = environment.get_template("page.html").render(
        title=_title(ordered),
        failed=any(result.verdict.outcome.fails(strict=strict) for result in results),
        hardware=hardware,
        header=header(ordered),
        rows=rows(ordered),
        sentences=[
            sentence._replace(text=one_line(sentence.text), nodeids=tuple(map(one_line, sentence.nodeids)))
            for sentence in all_sentences
            if sentence.outcome is None
        ],
        session=numbered(session_figures.of_session(sources)),
        benchmarks=[
            _benchmark(result, all_sentences, numbered(benchmark_figures.of_benchmark(result)))
            for result in ordered
        ],
        figures=_for_script([{"data": figure.traces, "layout": figure.layout} for figure in drawn]),
        style=(place / "page.css").read_text(encoding="utf-8"),
        script=(place / "page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
    )
    return page


def _benchmark(
    result: Result, all_sentences: Sequence[Sentence], numbered: Sequence[tuple[int, Figure]]
) -> dict[str, Any]:
    return {
        "name": one_line(result.nodeid),
        "outcome": result.verdict.outcome.value,
        "tone": _tone(result.verdict.outcome),
        "reason": one_line(result.verdict.reason),
        "next": None if result.next_command is None else _next(result.next_command),
        "changes": [one_line(change) for change in result.provenance_changes],
        "notes": [one_line(note) for note in result.notes],
        "metrics": [
            (label(name), quantity(name, value))
            for name, value in result.metrics.items()
            if value is not None
        ],
        "provenance": [(name, one_line(version)) for name, version in result.provenance.items()],
        "figures": numbered,
    }


def _next(command: NextCommand) -> tuple[str, str]:
    """What for, and the command."""
    return command.purpose, one_line(command.line())


def _tone(outcome: Outcome) -> str:
    if outcome.fails(strict=False):
        return "bad"
    return "doubtful" if outcome.fails(strict=True) or outcome is Outcome.SKIPPED else "good"


def _title(ordered: Sequence[Result]) -> str:
    counts = Counter(result.verdict.outcome.value for result in ordered)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "no benchmark ran"


def _published(folder: Path) -> list[Results]:
    """Return those that can be read: a page is not the place to complain about the others."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(published.results(json.loads(files.read(path))))
        except (OSError, UserError, ValueError, ArithmeticError, RecursionError):
            continue
    return found


def _for_script(data: object) -> str:
    """JSON that cannot end the element it stands in. Plotly reads tags in names, so these are escaped."""
    plain = json.dumps(finite(_escaped(data)), allow_nan=False, separators=(",", ":"))
    return plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _escaped(data: Any) -> Any:
    if isinstance(data, str):
        return escape(data, quote=False)
    if isinstance(data, Mapping):
        return {key: _escaped(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_escaped(value) for value in data]
    return data
