"""The page: what is in it, that hostile names stay text, and what a real browser makes of it."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.records import (
    Accelerator,
    Accepted,
    Comparison,
    Curve,
    Epoch,
    Kind,
    Outcome,
    Price,
    Result,
    Steps,
    Verdict,
    Workload,
)
from pytest_accel.reports import figures, html, json_report
from pytest_accel.reports.files import ReportError

HARDWARE = "accel: gpu, 4 x NVIDIA X100 [baselines: gpu-x100]"
GPU = Accelerator("gpu-x100", Kind.GPU, "NVIDIA X100", 4)
HOSTILE = "test_<script>alert(1)</script>\"'{{7*7}}&lt;\u202e\x1b[31m]]></script><b>"


def steps(*times):
    return Steps(times, 4, 1.0, 2.0, 3.0, 4.0, 5, None)


def entry(month, step_time_s, *runs):
    return Accepted(f"2026-0{month}-01T00:00:00+00:00", {}, {"step_time_s": step_time_s}, runs)


REGRESSED = Result(
    "benchmarks/test_it.py::test_step[64]",
    Verdict(
        Outcome.REGRESSED,
        "step time is 11.8 % longer",
        (
            Comparison(
                *("step_time_s", 0.355, 0.397, 0.118, (0.1, 0.14), 0.95, 0.02),
                *("lower_is_better", Outcome.REGRESSED),
            ),
        ),
    ),
    Workload("resnet50", "tensorflow", 64, {"precision": "float32"}),
    (steps(0.4, 0.397, 0.41, 0.42),),
    {"throughput": 161.2, "step_time_s": 0.397},
    {"tensorflow": "2.21.0"},
    ("tensorflow 2.20.0 -> 2.21.0",),
    ("+11.8 % against the last, +13.4 % against the first",),
    history=(entry(1, 0.35, steps(0.35, 0.36)), entry(2, 0.355, steps(0.355, 0.36, 0.37))),
)


def curve(seed, *shares):
    return Curve(seed, tuple(Epoch(1.0, top1, 1.0, 9.0, 1.0) for top1 in shares), 1408, 360, 1.0, 1.0, 1.0)


LEARNED = Result(
    "benchmarks/test_it.py::test_digits",
    Verdict(Outcome.PASSED, "one seed lies where the baseline's seeds do"),
    Workload("resnet50", "tensorflow", 64, {"dataset": "digits", "target": 0.9, "epochs": 4}),
    (curve(0, 0.1, 0.5, 0.91, 0.95),),
    {"throughput": 120.0, "best_top1": 0.95, "epochs_to_target": 3.0, "time_to_target_s": 27.0},
    history=(
        Accepted(
            "2026-01-01T00:00:00+00:00",
            {},
            {"best_top1": 0.96},
            (curve(1, 0.2, 0.4, 0.9, 0.94), curve(2, 0.15, 0.55, 0.92, 0.96)),
        ),
    ),
)


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


def text(*results, price=None, folder=None, strict=False):
    report = json_report.document(GPU, price, {}, results)
    return html.text(HARDWARE, report, results, folder or html.Path("nowhere"), strict=strict)


def test_the_verdict_comes_first():
    page = Page(text(LEARNED, REGRESSED))
    words = page.words
    assert words.index("1 regressed, 1 passed") < words.index(HARDWARE) < words.index("Verdicts")
    assert words.index("test_step[64]") < words.index("test_digits")
    for said in (
        "+11.8 % [+10.0, +14.0]",
        "step time is 11.8 % longer",
        "tensorflow 2.20.0 -> 2.21.0",
        "+13.4 % against the first",
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
    for figure in figures.of_benchmark(result):
        assert all(len(row) == len(figure.header) for row in figure.rows)
    assert Page(text(result)).words


def test_a_box_has_the_fastest_block_as_its_end():
    figure = figures.step_times(REGRESSED.runs, REGRESSED.history[-1].runs)
    assert [trace["role"] for trace in figure.traces] == ["baseline", "now"]
    assert figure.traces[1]["lowerfence"] == [397]
    assert figure.rows[1][:3] == ("now 1", "4", "397")


def test_the_band_is_between_the_seeds_of_the_baseline():
    whole, last = figures.curves(LEARNED, LEARNED.history[-1].runs)
    low, high, seed, target = whole.traces
    assert (low["y"], high["y"]) == ([15, 40, 90, 94], [20, 55, 92, 96])
    assert seed["y"] == [10, 50, 91, 95]
    assert target["y"] == [90, 90]
    assert last.rows == [("3", "91.0 %"), ("4", "95.0 %")]


def test_drift_ends_with_this_session():
    figure = figures.drift(REGRESSED)
    assert figure.rows == [
        ("2026-01-01", "350 ms", "+0.0 %"),
        ("2026-02-01", "355 ms", "+1.4 %"),
        ("now", "397 ms", "+13.4 %"),
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
        html.check_installed()


# In a browser


@pytest.fixture(scope="module")
def browser():
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium (the Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path, pytestconfig):
    """A page with all that there is, opened from its file; what it complains of and asks for."""
    file = tmp_path / "report.html"
    hostile = Result(
        f"t.py::{HOSTILE}", Verdict(Outcome.INVALID, HOSTILE), REGRESSED.workload, REGRESSED.runs
    )
    published = pytestconfig.rootpath / "baselines/published"
    file.write_text(text(REGRESSED, LEARNED, hostile, price=Price(12.2), folder=published))

    def opened(**context):
        page = browser.new_context(**context).new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        return page

    return opened


def drawn(root):
    return root.locator(".plot[data-drawn] .main-svg").count() > 0


def test_it_opens_without_complaint_and_asks_for_nothing_else(opened):
    page = opened()
    for benchmark in page.locator("details.benchmark").all():
        if not benchmark.evaluate("element => element.open"):
            benchmark.locator("> summary").click()
    page.wait_for_function("document.querySelectorAll('.plot:not([data-drawn])').length === 0")
    assert page.complaints == []
    assert len(page.asked) == 1


def test_the_worst_is_open_and_the_others_are_drawn_when_they_are_opened_by_keyboard(opened):
    page = opened()
    worst, second = page.locator("details.benchmark").all()[:2]
    assert drawn(worst)
    assert not drawn(second)
    second.locator("> summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('details.benchmark[open]').length === 2")
    page.wait_for_function("document.querySelectorAll('details.benchmark .plot[data-drawn]').length > 1")
    assert drawn(second)


def test_a_phone_scrolls_in_one_direction_only(opened):
    page = opened(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_and_light_differ(opened):
    grounds = [
        opened(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


def test_benchmarks_are_found_by_a_part_of_their_name(opened):
    page = opened()
    page.locator("#wanted").fill("DIGITS")
    assert page.locator("details.benchmark:visible").count() == 1
    page.locator("#wanted").fill("regressed")
    assert page.locator("details.benchmark:visible").count() == 1
