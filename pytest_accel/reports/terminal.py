"""What pytest-accel prints in the terminal: the hardware line, each test's status, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_accel.analysis.formatting import one_line, quantity
from pytest_accel.records import Accelerator, Outcome, Price, Result
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import Line, markup, table

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


def say_at_once(config: pytest.Config, text: str) -> None:
    """A line of its own in the middle of collecting, which is seen in a log before what follows it."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    if reporter.isatty:
        reporter.rewrite(text, erase=True)
        reporter.write("\n")
    else:
        reporter.write_line(text)
    reporter.flush()


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
    below = [line for sentence in sentences(results) for line in _printed(sentence)]
    return table(results, width) + ([Line(""), *below] if below else [])


def _printed(sentence: Sentence) -> list[Line]:
    """What several benchmarks share comes once, with their names below it."""
    word, outcome = sentence.word, sentence.outcome
    text, nodeids = one_line(sentence.text), [one_line(nodeid) for nodeid in sentence.nodeids]
    colour = {} if outcome is None else markup(outcome)
    if len(nodeids) == 1:
        return [Line(f"{word}  {nodeids[0]}: {text}", colour)]
    return [Line(f"{word}  {text}", colour), *(Line(f"    {nodeid}", colour) for nodeid in nodeids)]
