"""What GitHub Actions is told: annotations by its workflow commands, and the summary of a step."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.records import Outcome, Result, Verdict
from pytest_accel.reports import github
from pytest_accel.reports.common.atomic_write import ReportError


@pytest.fixture(autouse=True)
def on_github(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))


def annotations(*outcomes, reason="11.8% slower", nodeid="test_it.py::test_{}", strict=False):
    results = [
        Result(nodeid.format(number), Verdict(outcome, reason)) for number, outcome in enumerate(outcomes)
    ]
    places = {result.nodeid: ("benchmarks/test_it.py", 7) for result in results}
    return github.error_commands(results, places.__getitem__, strict=strict)


def read(line: str) -> tuple[dict[str, str], str]:
    """As the runner reads it: actions/runner, ActionCommand.cs."""
    properties, message = re.fullmatch(r"::error ([^:]*)::(.*)", line).groups()
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        pairs = {name: value.replace(escape, character) for name, value in pairs.items()}
        if escape not in ("%3A", "%2C"):
            message = message.replace(escape, character)
    return pairs, message


def test_a_failure_is_shown_at_its_test():
    (line,) = annotations(Outcome.REGRESSED, Outcome.PASSED)
    assert read(line) == (
        {"file": "benchmarks/test_it.py", "line": "7", "title": "regressed: test_it.py::test_0"},
        "11.8% slower",
    )


def test_the_ten_worst_are_shown():
    outcomes = [Outcome.REGRESSED] * 12 + [Outcome.INVALID]
    titles = [read(line)[0]["title"] for line in annotations(*outcomes)]
    assert titles[0] == "invalid: test_it.py::test_12"
    assert len(titles) == 10


def test_strict_sessions_show_what_only_they_fail():
    assert annotations(Outcome.NO_BASELINE) == []
    assert len(annotations(Outcome.NO_BASELINE, strict=True)) == 1


@pytest.mark.parametrize("hostile", ["a\nb", "::error::c", "50%, 1:2", "\r\n::set-output name=x::y", "%0A"])
def test_hostile_text_stays_text_on_one_line(hostile):
    (line,) = annotations(Outcome.INVALID, reason=hostile, nodeid="test_it.py::test_{}[" + hostile + "]")
    assert "\n" not in line
    assert "\r" not in line
    pairs, message = read(line)
    assert message == hostile
    assert pairs["title"] == f"invalid: test_it.py::test_0[{hostile}]"


def test_elsewhere_nothing_is_printed_or_written(monkeypatch, tmp_path):
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert annotations(Outcome.REGRESSED) == []
    github.append_summary("text")
    assert list(tmp_path.iterdir()) == []


def test_a_summary_goes_after_what_the_step_said_before(tmp_path):
    (tmp_path / "summary").write_text("before\n")
    github.append_summary("ours\n")
    assert (tmp_path / "summary").read_text() == "before\n\nours\n"


def test_a_summary_keeps_to_the_limit_and_says_where_the_rest_is(tmp_path):
    (tmp_path / "summary").write_text("before\n" * 1000)
    github.append_summary("a line of it\n" * 100_000)
    text = (tmp_path / "summary").read_text()
    assert github.MAX_SUMMARY_BYTES - 100 < len(text.encode()) <= github.MAX_SUMMARY_BYTES
    assert text.endswith(
        "a line of it\n\nThe rest does not fit into a summary: it is in the log of this job.\n"
    )


def test_a_summary_that_is_full_is_left_alone(tmp_path):
    full = "x" * github.MAX_SUMMARY_BYTES
    (tmp_path / "summary").write_text(full)
    github.append_summary("ours\n")
    assert (tmp_path / "summary").read_text() == full


def test_a_summary_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "summary").mkdir()
    with pytest.raises(ReportError, match=r"summary .*summary: Is a directory.* Unset GITHUB_STEP_SUMMARY"):
        github.append_summary("ours\n")


@given(st.text())
def test_a_terminal_obeys_nothing_of_a_line(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        (line,) = annotations(Outcome.INVALID, reason=text)
    assert line.isprintable()
