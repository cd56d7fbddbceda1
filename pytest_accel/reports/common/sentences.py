"""What is said about the benchmarks of a session, beside the numbers: each sentence once, the worst first."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pytest_accel.analysis.formatting import label, percent, quantity
from pytest_accel.records import Comparison, NextCommand, Outcome, Result


class Sentence(NamedTuple):
    """``text`` is true of the benchmarks ``nodeids``, of all of them where none is named.

    ``word`` is what kind of sentence it is: an outcome, "changed" or "note". ``next_commands`` say what to do
    about it, such as "to record it: pytest ...".
    """

    word: str
    text: str
    nodeids: tuple[str, ...]
    outcome: Outcome | None = None
    next_commands: tuple[str, ...] = ()


MAX_BENCHMARKS = 20
"""The most in one command: nobody copies a longer one safely."""


def sentences(results: Sequence[Result]) -> list[Sentence]:
    """Reasons, what changed since the baselines, notes."""
    return [*_reasons(results), *_changes(results), *_notes(results)]


def _reasons(results: Sequence[Result]) -> list[Sentence]:
    """Worst first. What passed needs no words: its interval is in the table.

    Curves and programs that passed have them: what a few seeds could have shown is in no table, nor is which
    operations changed without weight.
    """
    gathered = []
    measured = sum(result.verdict.outcome is not Outcome.SKIPPED for result in results)
    for outcome in reversed(Outcome):
        worded = [result for result in results if outcome is not Outcome.PASSED or _with_words(result)]
        those = [result for result in worded if result.verdict.outcome is outcome]
        shared = _shared_causes(those)
        reasons = [
            (result.nodeid, result.verdict.cause if result.verdict.cause in shared else _reason(result))
            for result in those
        ]
        for sentence in _once(outcome, reasons):
            named = [result for result in those if result.nodeid in sentence.nodeids]
            whole = len(named) == measured
            gathered.append(
                sentence._replace(outcome=outcome, next_commands=tuple(_next_commands(named, whole=whole)))
            )
    return gathered


def _next_commands(results: Sequence[Result], *, whole: bool) -> Iterator[str]:
    """One line for all that need the same; ``whole`` says that these are all benchmarks of the session."""
    alike: dict[NextCommand, list[str]] = {}
    for command in (result.next_command for result in results):
        if command is not None:
            alike.setdefault(dataclasses.replace(command, benchmark=""), []).append(command.benchmark)
    for command, benchmarks in alike.items():
        some = benchmarks[:MAX_BENCHMARKS]
        only = f" (the first {len(some)} of {len(benchmarks)})" if len(benchmarks) > len(some) else ""
        words = some
        if whole and len(alike) == 1 and len(benchmarks) > 1 and command.session is not None:
            words, only = list(command.session), ""
        yield f"to {command.purpose}{only}: {command.line(words)}"


def _shared_causes(results: Sequence[Result]) -> set[str]:
    """Causes that several benchmarks have in common: said once, since their numbers are in the table."""
    counts = Counter(result.verdict.cause for result in results if result.verdict.cause)
    return {cause for cause, count in counts.items() if count > 1}


def _with_words(result: Result) -> bool:
    return any(run.PASS_NEEDS_WORDS for run in result.runs)


def _reason(result: Result) -> str:
    if result.verdict.outcome is not Outcome.RECORDED or not result.verdict.comparisons:
        return result.verdict.reason
    return f"{result.verdict.reason} ({', '.join(map(_old_to_new, result.verdict.comparisons))})"


def _old_to_new(comparison: Comparison) -> str:
    old, new = (quantity(comparison.metric, value) for value in (comparison.baseline, comparison.now))
    return f"{label(comparison.metric)} {old} -> {new}, {percent(comparison.change)}%"


def _changes(results: Sequence[Result]) -> list[Sentence]:
    changes = [
        (result.nodeid, ", ".join(result.provenance_changes))
        for result in results
        if result.verdict.comparisons or result.provenance_changes
    ]
    different = {text for _, text in changes}
    if len(different) == 1:
        return [Sentence("changed", text + _of_programs(results), ()) for text in different if text]
    return _once("changed", [pair for pair in changes if pair[1]])


def _of_programs(results: Sequence[Result]) -> str:
    """What a change of versions came to over all programs that were compiled, empty for fewer than two."""
    compared = [
        comparison
        for result in results
        for comparison in result.verdict.comparisons
        if comparison.metric == "modelled_step_time_s"
    ]
    if len(compared) < 2:
        return ""
    same = sum(comparison.outcome is Outcome.PASSED for comparison in compared)
    changes = [comparison.change for comparison in compared]
    return (
        f"; with that, the modelled step time is the same within the tolerance in {same} of {len(compared)} "
        f"programs ({percent(min(changes))}% to {percent(max(changes))}%)"
    )


def _notes(results: Sequence[Result]) -> list[Sentence]:
    """What is true of all benchmarks is said of none by name."""
    notes = _once("note", [(result.nodeid, note) for result in results for note in result.notes])
    return [note._replace(nodeids=()) if len(note.nodeids) == len(results) > 1 else note for note in notes]


def _once(word: str, texts: Iterable[tuple[str, str]]) -> list[Sentence]:
    """Pairs of benchmark and sentence, gathered by sentence."""
    nodeids_by_text: dict[str, list[str]] = {}
    for nodeid, text in texts:
        nodeids_by_text.setdefault(text, []).append(nodeid)
    return [Sentence(word, text, tuple(nodeids)) for text, nodeids in nodeids_by_text.items()]
