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
from pytest_accel.records.project import ProjectState
from pytest_accel.reports.common.atomic_write import ReportError
from pytest_accel.reports.html import benchmark_figures, session_figures
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


LARGER = dataclasses.replace(
    REGRESSED,
    nodeid="benchmarks/test_it.py::test_step[128]",
    workload=dataclasses.replace(REGRESSED.workload, examples_per_step=128),
)


def test_published_results_are_beside_those_of_the_session(pytestconfig):
    published = pytestconfig.rootpath / "baselines/published"
    page = Page(text(REGRESSED, LARGER, LEARNED, price=Price(12.2), folder=published))
    names = {trace["name"] for figure in page.figures for trace in figure["data"] if "name" in trace}
    assert "TPUv2-8 (four chips), TensorFlow 1.7.0, resnet50, synthetic, bfloat16" in names
    for title in ("Throughput for the price", "Time to the target", "Cost to the target"):
        assert title in page.words


def test_each_global_batch_has_a_bar_of_its_own():
    page = Page(text(REGRESSED, LARGER, price=Price(12.2)))
    (now,) = (one for figure in page.figures for one in figure["data"] if one["type"] == "bar" and one["y"])
    assert [name.rsplit(", ", 2)[1] for name in now["y"]] == ["global batch 64", "global batch 128"]


@pytest.mark.parametrize("where", ["name", "reason", "version", "workload"])
def test_hostile_text_stays_text(where):
    def made(evil, batch):
        return Result(
            f"t.py::{evil if where == 'name' else 'test_x'}[{batch}]",
            Verdict(Outcome.INVALID, evil if where == "reason" else "broke"),
            Workload(evil if where == "workload" else "w", "f", batch, {}),
            (steps(0.1, 0.2),),
            {"throughput": 10.0, "step_time_s": 0.1},
            {"tensorflow": evil if where == "version" else "2"},
        )

    page, plain = (Page(text(made(evil, 1), made(evil, 2))) for evil in (HOSTILE, "harmless"))
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


def test_the_fastest_block_of_a_run_stands_out():
    figure = benchmark_figures.step_times(REGRESSED.runs, REGRESSED.history[-1].runs)
    assert [trace["role"] for trace in figure.traces] == ["baseline", "now"]
    now = figure.traces[1]
    assert (now["x"], now["y"]) == ([397, 400, 410, 420], [1, 1, 1, 1])
    assert now["marker"]["size"][0] > max(now["marker"]["size"][1:])
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
    assert '<header class="doubtful">' in text(one)
    assert '<header class="good">' in text(Result("t.py::x", Verdict(Outcome.PASSED, "")))
    assert '<header class="bad">' in text(one, strict=True)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, None])
def test_published_results_that_cannot_be_read_are_left_out(tmp_path, pytestconfig, content):
    if content is None:
        content = (pytestconfig.rootpath / "baselines/published/riseml-2018-04.json").read_text()
        content = content.replace('"throughput": 2796', '"throughput": 0')
    (tmp_path / "broken.json").write_text(content)
    assert "1 regressed" in Page(text(REGRESSED, folder=tmp_path)).words


def test_without_its_extra_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(ReportError, match=r'needs jinja2: pip install "pytest-accel\[report\]"'):
        html_page.check_installed()


@pytest.mark.parametrize(
    ("outcomes", "strict", "decision"),
    [
        (["passed", "improved"], True, "Ship"),
        (["passed", "regressed"], False, "Do not ship"),
        (["passed", "inconclusive"], False, "Undecided"),
        (["passed", "inconclusive"], True, "Do not ship"),
        (["recorded", "skipped"], True, "Nothing to decide"),
        ([], True, "Nothing to decide"),
    ],
)
def test_the_page_begins_with_what_to_do_and_why(outcomes, strict, decision):
    results = [
        Result(f"t.py::x{n}", Verdict(Outcome(one), f"because {one}")) for n, one in enumerate(outcomes)
    ]
    words = Page(text(*results, strict=strict)).words
    assert f"{decision}: " in words
    for bad in {"regressed", "inconclusive"} & {*outcomes}:
        assert words.index(f"because {bad}") < words.index("Verdicts")


def test_the_page_says_which_code_was_measured():
    project = ProjectState(
        "mine", "2026-03-01T09:30:00+00:00", "a" * 40, "topic", True, "https://ci.example/7"
    )
    page = text(REGRESSED, project=project)
    assert (
        "mine, revision aaaaaaaaaaaa with changes on topic, 2026-03-01 09:30 UTC, CI job" in Page(page).words
    )
    assert 'href="https://ci.example/7"' in page


def test_all_changes_are_on_one_axis_the_worst_first():
    better = dataclasses.replace(
        REGRESSED,
        nodeid="benchmarks/test_it.py::test_better",
        verdict=Verdict(
            Outcome.PASSED,
            "",
            (dataclasses.replace(REGRESSED.verdict.comparisons[0], change=-0.01, outcome=Outcome.PASSED),),
        ),
    )
    figure = session_figures.changes([REGRESSED, better])
    assert figure.layout["yaxis"]["ticktext"] == ["test_step[64]", "test_better"]
    assert {trace["role"]: trace["x"] for trace in figure.traces} == {"bad": [11.8], "good": [-1]}
    assert [row[2] for row in figure.rows] == ["+11.8%", "-1.0%"]


def test_one_batch_is_no_plot_over_batches():
    assert "Throughput by global batch" not in Page(text(REGRESSED)).words
    assert "Throughput by global batch" in Page(text(REGRESSED, LARGER)).words


def test_names_in_the_table_lead_to_their_benchmarks():
    page = text(LEARNED, REGRESSED)
    for number, name in enumerate(["test_step[64]", "test_digits"]):
        assert f'<a href="#benchmark-{number}">{name}</a>' in page
        anchor = page.index(f'id="benchmark-{number}"')
        assert name in page[anchor : anchor + 400]


def test_metrics_stand_beside_the_baseline():
    words = Page(text(REGRESSED)).words
    assert "metricnowbaseline" in words.replace("\n", "")
    assert "step time397 ms355 ms" in words.replace("\n", "")
