"""The report in Markdown, as GitHub's own renderer shows it."""

from __future__ import annotations

from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.formatting import one_line
from pytest_accel.records import Comparison, Outcome, Result, Verdict
from pytest_accel.reports import markdown

HARDWARE = "accel: gpu, 4 x NVIDIA V100 [baselines: gpu-nvidia-v100-4]"
HOSTILE = [
    "<script>alert(1)</script>",
    "\"quoted\" 'twice' | a pipe",
    "right\u202eto left",
    "\x1b[31mred\x1b[0m",
    "`code` **bold** [link](https://example.com) ![image](x)",
    "# heading\n\n- item\n\n---",
    "&lt;entity&gt; &#35;",
    "\\| \\\\",
    "@everyone #1 ~~gone~~ www.example.com someone@example.com",
]


def comparison(outcome, metric="step_time_s"):
    return Comparison(metric, 0.355, 0.397, 0.118, (0.1, 0.14), 0.95, 0.02, "lower_is_better", outcome)


REGRESSED = Result(
    "benchmarks/test_it.py::test_step[128]",
    Verdict(Outcome.REGRESSED, "11.8% more time per step", (comparison(Outcome.REGRESSED),)),
    metrics={"throughput": 161.2},
    provenance_changes=("tensorflow 2.20.0 -> 2.21.0",),
    notes=("the machine was loaded",),
)
PASSED = Result(
    "benchmarks/test_it.py::test_step[64]",
    Verdict(Outcome.PASSED, "", (comparison(Outcome.PASSED),)),
    provenance_changes=("tensorflow 2.20.0 -> 2.21.0",),
)


class Page(HTMLParser):
    """What a reader sees: the words, and the elements they stand in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.words += data
        if self.rows and self.rows[-1] and "table" in self.tags and data.strip():
            self.rows[-1][-1] += data


def page(*results) -> Page:
    # With raw HTML, as GitHub shows it, so that what the report lets through would be seen.
    return Page(
        cmarkgfm.github_flavored_markdown_to_html(
            markdown.text(HARDWARE, results), options=Options.CMARK_OPT_UNSAFE
        )
    )


def test_the_verdict_comes_first_and_the_worst_is_on_top():
    shown = page(PASSED, REGRESSED)
    assert shown.tags[0] == "h2"
    assert shown.words.strip().startswith("pytest-accel: 1 regressed, 1 passed")
    assert HARDWARE in shown.words
    header, first, second = shown.rows
    assert header == [
        "outcome", "benchmark", "throughput", "metric", "now", "baseline", "change [95% interval]",
    ]  # fmt: skip
    assert first == [
        "regressed", "test_step[128]", "161 examples/s", "step time", "397 ms", "355 ms",
        "+11.8% [+10.0, +14.0]",
    ]  # fmt: skip
    assert second[:2] == ["passed", "test_step[64]"]


def test_reasons_changes_and_notes_are_below_the_table():
    words = page(PASSED, REGRESSED).words
    assert "regressed benchmarks/test_it.py::test_step[128]: 11.8% more time per step" in words
    assert "changed tensorflow 2.20.0 -> 2.21.0" in words
    assert "note benchmarks/test_it.py::test_step[128]: the machine was loaded" in words


def test_a_session_without_results_says_so_little_as_there_is():
    assert page().words.strip().startswith("pytest-accel: no benchmark ran")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_and_reasons_come_out_as_text(hostile):
    plain = page(Result("test_it.py::test_x", Verdict(Outcome.INVALID, "broke")))
    shown = page(Result(f"test_it.py::test_x[{hostile}]", Verdict(Outcome.INVALID, f"broke: {hostile}")))
    assert shown.tags == plain.tags
    assert one_line(f"broke: {hostile}") in shown.words
    assert one_line(f"test_x[{hostile}]") in shown.rows[1][1]


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(str.strip))
def test_any_name_comes_out_as_text(name):
    plain = page(Result("test_it.py::test_x", Verdict(Outcome.INVALID, "broke")))
    shown = page(Result(f"test_it.py::test_x[{name}]", Verdict(Outcome.INVALID, "broke")))
    assert shown.tags == plain.tags
    assert one_line(f"test_x[{name}]") == shown.rows[1][1]


def test_a_very_long_name_is_cut():
    text = markdown.text(HARDWARE, [Result("x" * 10_000, Verdict(Outcome.INVALID, "y" * 10_000))])
    assert len(text) < 5 * markdown.LONGEST


def test_a_mention_tells_nobody():
    text = markdown.text(HARDWARE, [Result("t.py::x", Verdict(Outcome.INVALID, "ask @team"))])
    assert "ask @" in text
    assert "@team" not in text
