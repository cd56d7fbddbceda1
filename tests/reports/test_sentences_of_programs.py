"""What is said of an upgrade over all programs of a session that were compiled."""

from __future__ import annotations

from pytest_accel.records import Comparison, Outcome, Result, Verdict
from pytest_accel.reports import terminal


def program(number: int, change: float, outcome: Outcome, changes: tuple[str, ...]) -> Result:
    comparison = Comparison(
        metric="modelled_step_time_s",
        baseline=0.1,
        now=0.1 * (1 + change),
        change=change,
        interval=(change, change),
        confidence=1.0,
        tolerance=0.02,
        direction="lower_is_better",
        outcome=outcome,
    )
    return Result(
        f"test_it.py::test_{number}",
        Verdict(outcome, "the program is the same", (comparison,)),
        provenance_changes=changes,
    )


def said(*results: Result) -> list[str]:
    lines = terminal.lines(results, 200)
    return [line.text for line in lines if line.text.startswith("changed")]


UPGRADE = ("libtpu 0.0.42.1 -> 0.0.52",)


def test_one_line_says_what_an_upgrade_came_to():
    results = [
        program(1, 0.003, Outcome.PASSED, UPGRADE),
        program(2, -0.001, Outcome.PASSED, UPGRADE),
        program(3, 0.25, Outcome.REGRESSED, UPGRADE),
    ]
    assert said(*results) == [
        "changed  libtpu 0.0.42.1 -> 0.0.52; with that, the modelled step time is the same within the "
        "tolerance in 2 of 3 programs (-0.1% to +25.0%)"
    ]


def test_without_an_upgrade_or_for_one_program_there_is_nothing_to_sum_up():
    assert said(*[program(number, 0.0, Outcome.PASSED, ()) for number in range(3)]) == []
    assert said(program(1, 0.0, Outcome.PASSED, UPGRADE)) == ["changed  libtpu 0.0.42.1 -> 0.0.52"]
