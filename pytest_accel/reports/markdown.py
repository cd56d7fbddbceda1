"""A report in Markdown (``--accel-markdown``), for a pull-request comment or a job's summary, worst first."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_accel.analysis.formatting import one_line
from pytest_accel.records import Result
from pytest_accel.reports.common.sentences import Sentence, sentences
from pytest_accel.reports.common.table import header, rows

LONGEST = 1000
"""Characters of a name or a sentence that are shown."""


def text(hardware: str, results: Sequence[Result]) -> str:
    """The verdict, the table, then the sentences. ``hardware`` is the line that the terminal has of it.

    What comes from tests and machines is escaped: it is shown as it is, never as markup, HTML or a mention.
    """
    worst_first = sorted(results, key=lambda result: result.verdict.outcome.severity, reverse=True)
    all_sentences = sentences(worst_first)
    blocks = [
        f"## {headline(worst_first)}",
        plain(hardware),
        "\n".join(_table(worst_first)),
        "\n".join(map(_bullet, (sentence for sentence in all_sentences if sentence.outcome is not None))),
        *_folded("Changed", [sentence for sentence in all_sentences if sentence.word == "changed"]),
        *_folded("Notes", [sentence for sentence in all_sentences if sentence.word == "note"]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def headline(worst_first: Sequence[Result]) -> str:
    """Count the outcomes, such as "pytest-accel: 1 regressed, 4 passed"."""
    counts = Counter(result.verdict.outcome for result in worst_first)
    if not counts:
        return "pytest-accel: no benchmark ran"
    return f"pytest-accel: {', '.join(f'{count} {plain(outcome)}' for outcome, count in counts.items())}"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    shown = html.escape(_short(text), quote=False)
    # GitHub would tell the person whose name stands in a sentence, and link what looks like an address.
    return re.sub(r"@|:(?=//)|www(?=\.)", r"\g<0><!-- -->", re.sub(r"[\\`*_{}\[\]()#|~]", r"\\\g<0>", shown))


def code(text: str) -> str:
    """A name in the type of code."""
    return f"<code>{plain(text)}</code>"


def _table(results: Sequence[Result]) -> Iterable[str]:
    heads = header(results)
    yield f"| {' | '.join(map(plain, heads))} |"
    yield f"|{' --- |' * len(heads)}"
    for outcome, (name, *cells) in rows(results):
        yield f"| {' | '.join((plain(outcome), code(name), *map(plain, cells)))} |"


def _bullet(sentence: Sentence) -> str:
    names = ", ".join(map(code, sentence.nodeids))
    return f"- **{plain(sentence.word)}** {names}{': ' if names else ''}{plain(sentence.text)}"


def _folded(title: str, some: Sequence[Sentence]) -> Iterable[str]:
    if some:
        yield f"<details><summary>{title}</summary>"
        yield "\n".join(map(_bullet, some))
        yield "</details>"


def _short(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
