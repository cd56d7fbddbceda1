"""What pytest-accel prints in the terminal: the hardware line, each test's status, the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_accel.records import Accelerator, Comparison, Curve, Outcome, Price, ProgramFacts, Result
from pytest_accel.reports.table import Line, markup, table
from pytest_accel.reports.units import label, percent, quantity

if TYPE_CHECKING:
    import pytest

# Passes that deserve a second look, as pytest's teststatus hook takes them: category, letter, (word, markup).
STATUS: Mapping[Outcome, tuple[str, str, tuple[str, Mapping[str, bool]]]] = {
    outcome: (outcome.value, letter, (outcome.value.upper(), markup(outcome)))
    for outcome, letter in (
        (Outcome.IMPROVED, "I"),
        (Outcome.RECORDED, "R"),
        (Outcome.NO_BASELINE, "N"),
        (Outcome.INCONCLUSIVE, "?"),
    )
}


def hardware_line(accelerator: Accelerator, price: Price | None = None, *, against: str | None = None) -> str:
    """Say in one line what the benchmarks run on, what that costs, and what they are compared with.

    That is the name their baselines are filed under, or the environment ``against``.
    """
    facts = [accelerator.kind.value, accelerator.model]
    if accelerator.devices > 1:
        facts[-1] = f"{accelerator.devices} x {accelerator.model}"
    if accelerator.memory_bytes is not None:
        each = " each" if accelerator.devices > 1 else ""
        facts.append(quantity("memory_bytes", accelerator.memory_bytes) + each)
    if accelerator.topology:
        facts.append(f"topology {accelerator.topology}")
    if accelerator.hosts > 1:
        facts.append(f"{accelerator.hosts} hosts")
    if price is not None:
        origin = f" ({price.terms}, {price.date})" if price.name else ""
        facts.append(f"{price.usd_per_hour:g} USD/h{origin}")
    reference = f"baselines: {accelerator.identity}" if against is None else f"against: {against}"
    return f"accel: {', '.join(facts)} [{reference}]"


def teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, Mapping[str, bool]]] | None:
    """Answer ``pytest_report_teststatus`` for a test whose report carries ``accel_outcome``.

    None leaves the report to pytest: failures stay ``failed``, an xfail mark keeps its own words.
    """
    outcome = getattr(report, "accel_outcome", None)
    if outcome is None or report.when != "call" or not report.passed or hasattr(report, "wasxfail"):
        return None
    return STATUS.get(Outcome(outcome))


def write(terminalreporter: pytest.TerminalReporter, results: Sequence[Result]) -> None:
    """Print the section of pytest-accel; nothing at all if no benchmark ran."""
    if not results:
        return
    terminalreporter.section("accel")
    for line in lines(results, terminalreporter.config.get_terminal_writer().fullwidth):
        terminalreporter.write_line(line.text, **line.markup)


def lines(results: Sequence[Result], width: int) -> list[Line]:
    """The table, and below it the sentences: reasons, what changed since the baselines, notes.

    Sentences are left to the terminal to wrap, so that a command in one can be copied as one line.
    """
    if not results:
        return []
    sentences = _reasons(results) + _changes(results) + _notes(results)
    return table(results, width) + ([Line(""), *sentences] if sentences else [])


def _reasons(results: Sequence[Result]) -> list[Line]:
    """Worst first. What passed needs no words: its interval is in the table.

    Curves and programs that passed have them: what a few seeds could have shown is in no table, nor is which
    operations changed without weight.
    """
    printed = []
    for outcome in reversed(Outcome):
        worded = [result for result in results if outcome is not Outcome.PASSED or _with_words(result)]
        said = [(result.nodeid, _reason(result)) for result in worded if result.verdict.outcome is outcome]
        printed += [Line(text, markup(outcome)) for text in _sentences(outcome, said)]
    return printed


def _with_words(result: Result) -> bool:
    return any(isinstance(run, Curve | ProgramFacts) for run in result.runs)


def _reason(result: Result) -> str:
    if result.verdict.outcome is not Outcome.RECORDED or not result.verdict.comparisons:
        return result.verdict.reason
    return f"{result.verdict.reason} ({', '.join(map(_old_to_new, result.verdict.comparisons))})"


def _old_to_new(comparison: Comparison) -> str:
    old, new = (quantity(comparison.metric, value) for value in (comparison.baseline, comparison.now))
    return f"{label(comparison.metric)} {old} -> {new}, {percent(comparison.change)} %"


def _changes(results: Sequence[Result]) -> list[Line]:
    said = [
        (result.nodeid, ", ".join(result.provenance_changes))
        for result in results
        if result.verdict.comparisons or result.provenance_changes
    ]
    different = {text for _, text in said}
    if len(different) == 1:
        return [Line(f"changed  {text}") for text in different if text]
    return [Line(text) for text in _sentences("changed", [pair for pair in said if pair[1]])]


def _notes(results: Sequence[Result]) -> list[Line]:
    said = [(result.nodeid, note) for result in results for note in result.notes]
    return [Line(text) for text in _sentences("note", said)]


def _sentences(word: str, said: Iterable[tuple[str, str]]) -> list[str]:
    """What is ``said``, pairs of benchmark and sentence; what several share comes once, with their names."""
    benchmarks_by_sentence: dict[str, list[str]] = {}
    for nodeid, sentence in said:
        benchmarks_by_sentence.setdefault(sentence, []).append(nodeid)
    printed = []
    for sentence, nodeids in benchmarks_by_sentence.items():
        if len(nodeids) == 1:
            printed.append(f"{word}  {nodeids[0]}: {sentence}")
        else:
            printed += [f"{word}  {sentence}", *(f"    {nodeid}" for nodeid in nodeids)]
    return printed
