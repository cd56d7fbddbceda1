"""What pytest-accel prints in the terminal: the hardware line, each test's status, the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_accel.analysis.formatting import elapsed, label, one_line, percent, quantity
from pytest_accel.records import Accelerator, Curve, Outcome, Price, Result
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import Line, markup, table
from pytest_accel.reports.common.worst_first import worsening, worst_first

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
    return f"accel: {', '.join(facts)} [{reference(accelerator, against=against)}]"


def reference(accelerator: Accelerator, *, against: str | None) -> str:
    """Say what the benchmarks are compared with."""
    return f"baselines: {accelerator.identity}" if against is None else f"against: {against}"


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
    """Print the section of pytest-accel; nothing at all if no benchmark ran.

    With ``-v`` it shows every metric and name.
    """
    if not results:
        return
    terminalreporter.section("accel")
    config = terminalreporter.config
    width, verbose = config.get_terminal_writer().fullwidth, config.get_verbosity() > 0
    for line in lines(results, width, verbose=verbose):
        terminalreporter.write_line(line.text, **line.markup)


def closing_line(results: Sequence[Result], seconds: float, reference: str, reports: Sequence[str]) -> str:
    """Say in one line how the session ended, what it compared with, and which files say more."""
    parts = [f"{headline(results)} in {elapsed(seconds)}", reference]
    if reports:
        parts.append(f"details: {', '.join(reports)}")
    return f"accel: {'; '.join(parts)}"


def headline(results: Sequence[Result]) -> str:
    """Count the outcomes, the worst first: ``1 regressed, 4 passed``."""
    counts = Counter(result.outcome_in_words for result in worst_first(results))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


MAX_PASSED = 20
"""Rows of benchmarks that passed. Where there are more, one line speaks for all of them."""

MAX_NAMES = 10
"""Below a sentence."""


def lines(results: Sequence[Result], width: int, *, verbose: bool = False) -> list[Line]:
    """The table, worst first, and below it the sentences: reasons, what changed since the baselines, notes.

    Sentences are left to the terminal to wrap, so that a command in one can be copied as one line.
    """
    if not results:
        return []
    ordered = worst_first(results)
    shown = [result for result in ordered if verbose or result.verdict.outcome is not Outcome.SKIPPED]
    passed = [result for result in shown if result.verdict.outcome is Outcome.PASSED]
    many = passed if len(passed) > MAX_PASSED and not verbose else []
    shown = shown[: len(shown) - len(many)] if many else shown
    blocks = [table(shown, width, every_metric=verbose)] if shown else []
    if many:
        blocks.append([_passed_together(many)])
    trained = {result.nodeid for result in passed if any(run.KIND == Curve.KIND for run in result.runs)}
    below = [
        line
        for sentence in sentences(ordered)
        if verbose or sentence.outcome is not Outcome.PASSED or trained.isdisjoint(sentence.nodeids)
        for line in _printed(sentence, verbose)
    ]
    return [line for block in ([*blocks, below] if below else blocks) for line in [*block, Line("")]]


def _passed_together(results: Sequence[Result]) -> Line:
    """Of benchmarks in the order of their change."""
    first = results[0]
    text = f"passed  {len(results)} benchmarks"
    largest = max(first.verdict.comparisons, key=worsening, default=None)
    if largest is not None and worsening(largest) > 0:
        text += f"; the largest change for the worse is {percent(largest.change)}% in "
        text += f"{label(largest.metric)} ({one_line(first.nodeid)})"
    return Line(text, markup(Outcome.PASSED))


def _printed(sentence: Sentence, verbose: bool) -> list[Line]:
    """What several benchmarks share comes once, with their names below it, then what to do about it."""
    word, outcome = sentence.word, sentence.outcome
    text, nodeids = one_line(sentence.text), [one_line(nodeid) for nodeid in sentence.nodeids]
    colour = {} if outcome is None else markup(outcome)
    steps = [Line(f"    {command}") for command in sentence.next_commands]
    if len(nodeids) == 1:
        return [Line(f"{word}  {nodeids[0]}: {text}", colour), *steps]
    if nodeids and not verbose and outcome in (Outcome.SKIPPED, Outcome.RECORDED):
        return [Line(f"{word}  {len(nodeids)} benchmarks: {text}", colour), *steps]
    named = nodeids if verbose or len(nodeids) <= MAX_NAMES else nodeids[: MAX_NAMES - 1]
    more = [] if named == nodeids else [f"and {len(nodeids) - len(named)} more (-v names them)"]
    return [Line(f"{word}  {text}", colour), *(Line(f"    {name}") for name in (*named, *more)), *steps]
