"""What a worker says first, and whatever else may stand there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.runs.worker_process import greeting
from pytest_accel.runs.worker_process.greeting import Greeting
from pytest_accel.worker.bootstrap import GREETING

SAID = {"python": [3, 12, 1], "pytest": "9.0.2", "executable": "/usr/bin/python3"}


def line(said, before=""):
    return f"{before}{GREETING}{json.dumps(said)}".encode()


@pytest.mark.parametrize("before", ["", "Welcome!", GREETING, f'GREETING = "{GREETING}"'])
def test_it_is_found_after_what_starts_python_wrote(before):
    assert greeting.found(line(SAID, before)) == Greeting("/usr/bin/python3", (3, 12, 1), "9.0.2")


def test_an_interpreter_without_pytest_is_one():
    assert greeting.found(line({**SAID, "pytest": None})).pytest is None


@pytest.mark.parametrize(
    "said",
    [
        *(None, 1, "text", [1, 2], {}, {"python": [3, 12, 1]}),
        *({**SAID, "python": python} for python in (None, "3.12", [3, 12], [3, "12", 1])),
        *({**SAID, "pytest": version} for version in (9, "nine", "", [9, 0])),
        {**SAID, "executable": None},
    ],
)
def test_what_is_no_interpreter_is_told_from_one(said):
    assert greeting.found(line(said)) is None


@given(st.binary())
def test_any_line_is_a_greeting_or_none(text):
    assert greeting.found(text) is None
    assert greeting.found(GREETING.encode() + text) is None


def test_brackets_without_end_are_none():
    assert greeting.found(GREETING.encode() + b"[" * 100_000) is None
