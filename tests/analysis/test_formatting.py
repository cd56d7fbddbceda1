"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.formatting import count


@pytest.mark.parametrize(
    ("number", "nouns", "expected"),
    [
        (0, ("run",), "0 runs"),
        (1, ("run",), "1 run"),
        (2, ("run",), "2 runs"),
        (1, ("pair of runs", "pairs of runs"), "1 pair of runs"),
        (4, ("pair of runs", "pairs of runs"), "4 pairs of runs"),
    ],
)
def test_a_number_has_its_noun(number, nouns, expected):
    assert count(number, *nouns) == expected
