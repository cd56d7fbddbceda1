"""A report in Markdown (``--accel-markdown``), for a pull-request comment or a job's summary, worst first."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_accel.analysis.formatting import one_line
from pytest_accel.records import Outcome, Result
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import header, rows
from pytest_accel.reports.common.worst_first import worst_first

MAX_PASSED = 20
"""Benchmarks that passed and are shown at once; more are folded."""

LONGEST = 1000
"""Characters of a name or a sentence that are shown."""


def text(hardware: str, results: Sequence[Result]) -> str:
    """The verdict, the table, then the sentences. ``hardware`` is the line that the terminal has of it.

    What comes from tests and machines is escaped: it is shown as it is, never as markup, HTML or a mention.
    """
    ordered = worst_first(results)
    all_sentences = sentences(ordered)
    passed = [result for result in ordered if result.verdict.outcome is Outcome.PASSED]
    folded = passed if len(passed) > MAX_PASSED else []
    blocks = [
        f"## {headline(ordered)}",
        plain(hardware),
        "\n".join(_table(ordered[: len(ordered) - len(folded)], ordered)) if folded != ordered else "",
        *_details(f"{len(folded)} passed", _table(folded, ordered) if folded else ()),
        "\n".join(map(_bullet, (sentence for sentence in all_sentences if sentence.outcome is not None))),
        *_folded("Changed", [sentence for sentence in all_sentences if sentence.word == "changed"]),
        *_folded("Notes", [sentence for sentence in all_sentences if sentence.word == "note"]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def headline(ordered: Sequence[Result]) -> str:
    """Count the outcomes, such as "pytest-accel: 1 regressed, 4 passed"."""
    counts = Counter(result.outcome_in_words for result in ordered)
    if not counts:
        return "pytest-accel: no benchmark ran"
    return f"pytest-accel: {', '.join(f'{count} {plain(outcome)}' for outcome, count in counts.items())}"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line and not too long."""
    return _escaped(_short(text))


def _escaped(text: str) -> str:
    shown = html.escape(text, quote=False)
    # GitHub would tell the person whose name stands in a sentence, and link what looks like an address.
    return re.sub(r"@|:(?=//)|www(?=\.)", r"\g<0><!-- -->", re.sub(r"[\\`*_{}\[\]()#|~]", r"\\\g<0>", shown))


def code(text: str) -> str:
    """A name in the type of code."""
    return f"<code>{plain(text)}</code>"


def _table(results: Sequence[Result], of_session: Sequence[Result]) -> Iterable[str]:
    """Both tables of a session have the same heads."""
    heads = header(of_session)
    yield f"| {' | '.join(map(plain, heads))} |"
    yield f"|{' --- |' * len(heads)}"
    for outcome, (name, *cells) in rows(results):
        yield f"| {' | '.join((plain(outcome), code(name), *map(plain, cells)))} |"


def _bullet(sentence: Sentence) -> str:
    names = ", ".join(map(code, sentence.nodeids))
    said = f"- **{plain(sentence.word)}** {names}{': ' if names else ''}{plain(sentence.text)}"
    return "\n".join([said, *map(_next_command, sentence.next_commands)])


def _next_command(text: str) -> str:
    """Whole, however long it is: what is cut cannot be typed."""
    purpose, colon, command = text.partition(": ")
    return f"  <br>{_escaped(one_line(purpose + colon))} <code>{_escaped(one_line(command))}</code>"


def _folded(title: str, some: Sequence[Sentence]) -> Iterable[str]:
    return _details(title, map(_bullet, some))


def _details(title: str, lines: Iterable[str]) -> Iterable[str]:
    """Lines that are shown once somebody asks for them; nothing where there are none."""
    text = "\n".join(lines)
    return (f"<details><summary>{title}</summary>", text, "</details>") if text else ()


def _short(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
