"""The page: what is in it, and that hostile names stay text."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.page_samples import HARDWARE, HOSTILE, LEARNED, REGRESSED, entry, steps, text

from pytest_accel.records import Comparison, Outcome, Price, Result, Verdict, Workload
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.html import benchmark_figures
from pytest_accel.reports.html import page as html_page


class Page(HTMLParser):
    """The elements of a page, its words, and the figures that its script gets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.figures: list[dict] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside.append("figures" if dict(attrs).get("id") == "figures" else tag)

    def handle_endtag(self, tag):
        self._inside.pop() if self._inside else None

    def handle_data(self, data):
        where = self._inside[-1] if self._inside else ""
        if where == "figures":
            self.figures = json.loads(data)
        elif where not in ("script", "style"):
            self.words += data


def test_the_verdict_comes_first():
    page = Page(text(LEARNED, REGRESSED))
    words = page.words
    assert words.index("1 regressed, 1 passed") < words.index(HARDWARE) < words.index("Verdicts")
    assert words.index("test_step[64]") < words.index("test_digits")
    for said in (
        "+11.8% [+10.0, +14.0]",
        "11.8% more time per step",
        "tensorflow 2.20.0 -> 2.21.0",
        "+13.4% against the first",
    ):
        assert said in words


def test_every_plot_has_a_description_and_a_table():
    page = text(LEARNED, REGRESSED)
    assert page.count('class="plot"') == page.count('role="img" aria-label="') == page.count("Numbers: ")
    assert len(Page(page).figures) == page.count('class="plot"') == 7


def test_published_results_are_beside_those_of_the_session(pytestconfig):
    published = pytestconfig.rootpath / "baselines/published"
    page = Page(text(REGRESSED, LEARNED, price=Price(12.2), folder=published))
    names = {trace["name"] for figure in page.figures for trace in figure["data"] if "name" in trace}
    assert "TPUv2-8 (four chips), TensorFlow 1.7.0, resnet50, synthetic, bfloat16" in names
    for title in ("Throughput for the price", "Time to the target", "Cost to the target"):
        assert title in page.words


def test_each_global_batch_has_a_bar_of_its_own():
    twice = dataclasses.replace(
        REGRESSED, workload=dataclasses.replace(REGRESSED.workload, examples_per_step=128)
    )
    page = Page(text(REGRESSED, twice, price=Price(12.2)))
    (now,) = (one for figure in page.figures for one in figure["data"] if one["type"] == "bar" and one["y"])
    assert [name.rsplit(", ", 2)[1] for name in now["y"]] == ["global batch 64", "global batch 128"]


@pytest.mark.parametrize("where", ["name", "reason", "version", "workload"])
def test_hostile_text_stays_text(where):
    def made(evil):
        return Result(
            f"t.py::{evil if where == 'name' else 'test_x'}",
            Verdict(Outcome.INVALID, evil if where == "reason" else "broke"),
            Workload(evil if where == "workload" else "w", "f", 1, {}),
            (steps(0.1, 0.2),),
            {"throughput": 10.0, "step_time_s": 0.1},
            {"tensorflow": evil if where == "version" else "2"},
        )

    page, plain = Page(text(made(HOSTILE))), Page(text(made("harmless")))
    assert page.tags == plain.tags
    assert "test_<script>alert(1)</script>\"'{{7*7}}&lt;\\u202e\\x1b[31m]]></script><b>" in page.words
    assert "<script" not in json.dumps(page.figures)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=5),
    st.floats(),
    st.floats(),
)
def test_numbers_of_any_kind_give_a_page(times, number, other):
    compared = Comparison(
        *("step_time_s", number, other, number, (other, number), 0.95, other),
        *("lower_is_better", Outcome.INVALID),
    )
    result = Result(
        "t.py::x",
        Verdict(Outcome.INVALID, "", (compared,)),
        Workload("w", "f", 1, {}),
        (steps(*times),),
        {"throughput": number, "step_time_s": other},
        history=(entry(1, other, steps(*times)),),
    )
    for figure in benchmark_figures.of_benchmark(result):
        assert all(len(row) == len(figure.header) for row in figure.rows)
    assert Page(text(result)).words


def test_a_box_has_the_fastest_block_as_its_end():
    figure = benchmark_figures.step_times(REGRESSED.runs, REGRESSED.history[-1].runs)
    assert [trace["role"] for trace in figure.traces] == ["baseline", "now"]
    assert figure.traces[1]["lowerfence"] == [397]
    assert figure.rows[1][:3] == ("now 1", "4", "397")


def test_the_band_is_between_the_seeds_of_the_baseline():
    whole, last = benchmark_figures.curves(LEARNED, LEARNED.history[-1].runs)
    low, high, seed, target = whole.traces
    assert (low["y"], high["y"]) == ([15, 40, 90, 94], [20, 55, 92, 96])
    assert seed["y"] == [10, 50, 91, 95]
    assert target["y"] == [90, 90]
    assert last.rows == [("3", "91.0%"), ("4", "95.0%")]


def test_drift_ends_with_this_session():
    figure = benchmark_figures.drift(REGRESSED)
    assert figure.rows == [
        ("2026-01-01", "350 ms", "+0.0%"),
        ("2026-02-01", "355 ms", "+1.4%"),
        ("now", "397 ms", "+13.4%"),
    ]


def test_nothing_measured_is_a_page_without_plots():
    page = Page(text(Result("t.py::x", Verdict(Outcome.UNMEASURED, "no call"))))
    assert page.figures == []
    assert "no call" in page.words
    assert "no benchmark ran" in Page(text()).words


def test_the_page_is_red_where_the_session_failed():
    one = Result("t.py::x", Verdict(Outcome.NO_BASELINE, "nothing stored"))
    assert '<header class="good">' in text(one)
    assert '<header class="bad">' in text(one, strict=True)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, None])
def test_published_results_that_cannot_be_read_are_left_out(tmp_path, pytestconfig, content):
    if content is None:
        content = (pytestconfig.rootpath / "baselines/published/riseml-2018-04.json").read_text()
        content = content.replace('"throughput": 2796', '"throughput": 0')
    (tmp_path / "broken.json").write_text(content)
    assert "1 regressed" in Page(text(REGRESSED, folder=tmp_path)).words


def test_without_its_extra_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly", None)
    with pytest.raises(ReportError, match=r'needs plotly: pip install "pytest-accel\[report\]"'):
        html_page.check_installed()
