"""The command below a sentence: for one benchmark, for several, for all of the session."""

from __future__ import annotations

import shlex

import pytest

from pytest_accel.records import NextCommand, Outcome, Result, Verdict
from pytest_accel.reports import markdown, terminal
from pytest_accel.reports.common.sentences import MAX_BENCHMARKS, sentences


def benchmark(number: int, outcome=Outcome.NO_BASELINE, *, session=("benchmarks/",), name="t.py::test_{}"):
    command = NextCommand("record it", ("pytest",), name.format(number), session, ("--accel-record-missing",))
    verdict = Verdict(outcome, f"{outcome}: nothing is stored")
    return Result(name.format(number), verdict, next_command=None if outcome is Outcome.PASSED else command)


def commands(*results: Result) -> list[str]:
    return [command for sentence in sentences(results) for command in sentence.next_commands]


def test_one_benchmark_is_named():
    assert commands(benchmark(1), benchmark(2, Outcome.PASSED)) == [
        "to record it: pytest t.py::test_1 --accel-record-missing"
    ]


def test_several_share_one_command():
    assert commands(benchmark(1), benchmark(2), benchmark(3, Outcome.PASSED)) == [
        "to record it: pytest t.py::test_1 t.py::test_2 --accel-record-missing"
    ]


def test_all_of_a_session_are_named_as_they_were_when_it_began():
    skipped = Result("t.py::test_3", Verdict(Outcome.SKIPPED, "no GPU here"))
    assert commands(benchmark(1), benchmark(2), skipped) == [
        "to record it: pytest benchmarks/ --accel-record-missing"
    ]
    assert commands(benchmark(1, session=()), benchmark(2, session=())) == [
        "to record it: pytest --accel-record-missing"
    ]
    assert commands(benchmark(1, session=None), benchmark(2, session=None)) == [
        "to record it: pytest t.py::test_1 t.py::test_2 --accel-record-missing"
    ]


def test_a_command_for_very_many_says_how_many_it_has():
    others = benchmark(-1, Outcome.PASSED)
    (command,) = commands(*map(benchmark, range(MAX_BENCHMARKS + 1)), others)
    assert command.startswith("to record it (the first 20 of 21): pytest t.py::test_0 ")
    assert "test_19 " in command
    assert "test_20" not in command


@pytest.mark.parametrize("parameter", ["$(touch x)", "a b", "'", "`id`", "a\\b", "*", "--help", "!x"])
def test_an_id_with_shell_syntax_is_quoted(parameter):
    (command,) = commands(benchmark(0, name=f"t.py::test_{{}}[{parameter}]"), benchmark(2, Outcome.PASSED))
    words = shlex.split(command.removeprefix("to record it: "))
    assert words == ["pytest", f"t.py::test_0[{parameter}]", "--accel-record-missing"]


def test_the_terminal_and_markdown_show_it_below_the_sentence():
    results = [benchmark(1), benchmark(2, Outcome.PASSED)]
    shown = [line.text for line in terminal.lines(results, 80)]
    at = shown.index("no_baseline  t.py::test_1: no_baseline: nothing is stored")
    assert shown[at + 1] == "    to record it: pytest t.py::test_1 --accel-record-missing"
    in_markdown = markdown.text("accel: cpu", results).replace("\\", "")
    assert "to record it: <code>pytest t.py::test_1 --accel-record-missing</code>" in in_markdown


def test_markdown_shows_a_command_whole_however_long():
    results = [benchmark(number, name="t.py::test_" + "x" * 90 + "_{}") for number in range(15)]
    text = markdown.text("accel: cpu", [*results, benchmark(99, Outcome.PASSED)])
    assert "--accel-record-missing</code>" in text.replace("\\", "")


def test_markdown_folds_very_many_that_passed_and_has_no_empty_table():
    passed = [benchmark(number, Outcome.PASSED) for number in range(30)]
    assert "<details><summary>30 passed</summary>" in markdown.text("accel: cpu", [*passed, benchmark(99)])
    text = markdown.text("accel: cpu", passed)
    assert text.count("| outcome |") == 1
