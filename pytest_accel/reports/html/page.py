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
from pytest_accel.records.project import ProjectState
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.common.json_writer import finite
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import header, rows, short_names
from pytest_accel.reports.common.worst_first import worst_first
from pytest_accel.reports.comparison import from_report, published
from pytest_accel.reports.comparison.rows import Results
from pytest_accel.reports.html import benchmark_figures, session_figures
from pytest_accel.reports.html.figure import Figure


def missing_modules() -> list[str]:
    """What the page needs and this environment does not have."""
    return [name for name in ("jinja2",) if importlib.util.find_spec(name) is None]


def check_installed() -> None:
    """Raise ReportError if what makes the page is not there."""
    missing = missing_modules()
    if missing:
        raise ReportError(f'--accel-html needs {" and ".join(missing)}: pip install "pytest-accel[report]"')


def text(
    hardware: str,
    report: Mapping[str, Any],
    results: Sequence[Result],
    folder: Path,
    project: ProjectState | None = None,
    *,
    strict: bool,
) -> str:
    """The page. ``report`` is the session's JSON report, whose runs are not read.

    ``hardware`` is the line that the terminal has of it, ``folder`` has results that others published,
    ``project`` is the code that was measured. The plots of a benchmark are drawn when it is opened.
    """
    import jinja2

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
        decision=_decision(ordered, strict=strict),
        why=_why(ordered),
        project=project,
        failed=any(result.fails(strict=strict) for result in results),
        hardware=hardware,
        header=header(ordered),
        rows=_linked_rows(ordered),
        sentences=[
            sentence._replace(text=one_line(sentence.text), nodeids=tuple(map(one_line, sentence.nodeids)))
            for sentence in all_sentences
            if sentence.outcome is None
        ],
        session=numbered(session_figures.of_session(sources, ordered)),
        benchmarks=[
            _benchmark(result, all_sentences, numbered(benchmark_figures.of_benchmark(result)))
            for result in ordered
        ],
        figures=_for_script([{"data": figure.traces, "layout": figure.layout} for figure in drawn]),
        style=(place / "page.css").read_text(encoding="utf-8"),
        script=(place / "page.js").read_text(encoding="utf-8"),
        plotly=(place / "plotly-basic.min.js").read_text(encoding="utf-8"),
    )
    return page


def _decision(ordered: Sequence[Result], *, strict: bool) -> str:
    """What the session says about shipping what it measured."""
    outcomes = {result.verdict.outcome for result in ordered}
    if any(result.fails(strict=strict) for result in ordered):
        return "Do not ship"
    if not outcomes - {Outcome.SKIPPED, Outcome.RECORDED}:
        return "Nothing to decide"
    return "Undecided" if any(result.fails(strict=True) for result in ordered) else "Ship"


def _why(ordered: Sequence[Result]) -> str:
    """The worst benchmark and its reason, empty where all is well."""
    failing = [index for index, result in enumerate(ordered) if result.fails(strict=True)]
    if not failing:
        return ""
    name = short_names([result.nodeid for result in ordered])[failing[0]]
    return one_line(f"{name}: {ordered[failing[0]].verdict.reason}")


def _linked_rows(ordered: Sequence[Result]) -> list[tuple[Outcome, int, Sequence[str]]]:
    """Each row of the table, with the number of its benchmark."""
    counts = [len(rows([result])) for result in ordered]
    numbers = [number for number, count in enumerate(counts) for _ in range(count)]
    return [(outcome, number, cells) for number, (outcome, cells) in zip(numbers, rows(ordered), strict=True)]


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
        "changed": "Differs from the other environment"
        if result.reference_runs
        else "Changed since the baseline",
        "metric_heads": ("metric", "now", "baseline")[: 3 if result.history else 2],
        "metrics": [
            (label(name), quantity(name, value), quantity(name, _accepted(result, name)))[
                : 3 if result.history else 2
            ]
            for name, value in result.metrics.items()
            if value is not None
        ],
        "provenance": [(name, one_line(version)) for name, version in result.provenance.items()],
        "figures": numbered,
    }


def _accepted(result: Result, name: str) -> float | None:
    """What the baseline has of a metric."""
    return result.history[-1].summary.get(name) if result.history else None


def _next(command: NextCommand) -> tuple[str, str]:
    """What for, and the command."""
    return command.purpose, one_line(command.line())


def _tone(outcome: Outcome) -> str:
    if outcome.fails(strict=False):
        return "bad"
    return "doubtful" if outcome.fails(strict=True) or outcome is Outcome.SKIPPED else "good"


def _title(ordered: Sequence[Result]) -> str:
    counts = Counter(result.outcome_in_words for result in ordered)
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
