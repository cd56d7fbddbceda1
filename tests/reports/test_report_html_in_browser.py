"""What a real browser makes of the page."""

from __future__ import annotations

import shutil

import pytest
from support.page_samples import HOSTILE, LEARNED, REGRESSED, text

from pytest_accel.records import Outcome, Price, Result, Verdict

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
        except Error:
            pytest.skip("needs Chromium: the Debian package chromium, or playwright install chromium")
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
    page.locator(".plot:not([data-drawn])").first.wait_for(state="detached")
    assert page.complaints == []
    assert len(page.asked) == 1


def test_the_worst_is_open_and_the_others_are_drawn_when_they_are_opened_by_keyboard(opened):
    page = opened()
    worst, second = page.locator("details.benchmark").all()[:2]
    assert drawn(worst)
    assert not drawn(second)
    second.locator("> summary").focus()
    page.keyboard.press("Enter")
    page.locator("details.benchmark[open]").nth(1).wait_for(state="attached")
    page.locator("details.benchmark .plot[data-drawn]").nth(1).wait_for(state="attached")
    assert drawn(second)


def test_a_phone_scrolls_in_one_direction_only(opened):
    page = opened(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_phone_shows_outcome_benchmark_and_change_without_scrolling(opened):
    page = opened(viewport={"width": 390, "height": 844})
    row = page.locator(".verdicts tbody tr").filter(has_text="regressed")
    ends = [cell.bounding_box() for cell in row.locator("td:visible").all()]
    assert row.locator("td:visible").all_inner_texts() == [
        "regressed", "test_step[64]", "step time", "+11.8% [+10.0, +14.0]",
    ]  # fmt: skip
    assert max(box["x"] + box["width"] for box in ends) <= 390


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
