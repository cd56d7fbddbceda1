"""How often a loop runs, read from its condition, its body and what it starts from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.hlo.program_text import parse
from pytest_accel.analysis.hlo.trip_counts import trip_count

LOOP = """\
%body (state: (s32[], f32[4])) -> (s32[], f32[4]) {{
  %state = (s32[], f32[4]) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %x = f32[4] get-tuple-element(%state), index=1
  %step = s32[] constant({step})
  %next = s32[] {operation}(%i, %step)
  ROOT %new = (s32[], f32[4]) tuple(%next, %x)
}}

%condition (state.1: (s32[], f32[4])) -> pred[] {{
  %state.1 = (s32[], f32[4]) parameter(0)
  %i.1 = s32[] get-tuple-element(%state.1), index=0
  %limit = s32[] constant({limit})
  ROOT %compared = pred[] compare({compared}), direction={direction}
}}

ENTRY %main (x.1: f32[4]) -> (s32[], f32[4]) {{
  %x.1 = f32[4] parameter(0)
  %start = s32[] constant({start})
  %first = (s32[], f32[4]) tuple(%start, %x.1)
  ROOT %loop = (s32[], f32[4]) while(%first), condition=%condition, body=%body{annotation}
}}
"""


def counted(*, start=0, limit=12, step=1, direction="LT", operation="add", mirrored=False, annotation=""):
    compared = "%limit, %i.1" if mirrored else "%i.1, %limit"
    program = parse(
        LOOP.format(
            start=start,
            limit=limit,
            step=step,
            direction=direction,
            operation=operation,
            compared=compared,
            annotation=annotation,
        )
    )
    main = program.computations["main"]
    return trip_count(program, main, main.instructions["loop"])


def test_a_counted_loop_has_a_trip_count():
    assert counted() == 12
    assert counted(start=2) == 10
    assert counted(limit=12, direction="GT", mirrored=True) == 12
    assert counted(start=11, limit=0, step=1, direction="GE", operation="subtract") == 12


def test_the_compilers_own_count_is_taken():
    assert counted(annotation=', backend_config={"known_trip_count":{"n":"7"}}') == 7


def test_a_loop_that_never_ends_has_no_count():
    assert counted(step=-1) is None
    assert counted(step=0) is None
    assert counted(start=1, limit=12, step=5, direction="NE") is None


@given(
    start=st.integers(-20, 20),
    limit=st.integers(-20, 20),
    step=st.integers(-5, 5).filter(bool),
    direction=st.sampled_from(["LT", "LE", "GT", "GE", "NE"]),
    mirrored=st.booleans(),
)
def test_a_count_is_what_the_loop_does(start, limit, step, direction, mirrored):
    holds = {
        "LT": lambda a, b: a < b,
        "LE": lambda a, b: a <= b,
        "GT": lambda a, b: a > b,
        "GE": lambda a, b: a >= b,
        "NE": lambda a, b: a != b,
    }[direction]
    at, runs = start, 0
    while (holds(limit, at) if mirrored else holds(at, limit)) and runs < 100:
        at, runs = at + step, runs + 1
    expected = None if runs == 100 else runs
    assert counted(start=start, limit=limit, step=step, direction=direction, mirrored=mirrored) == expected


DATA = LOOP.replace("%start = s32[] constant({start})", "%start = s32[] custom-call(%x.1)")


def test_a_loop_from_a_value_that_is_not_constant_has_no_count():
    text = DATA.format(
        limit=12, step=1, direction="LT", operation="add", compared="%i.1, %limit", annotation=""
    )
    program = parse(text)
    main = program.computations["main"]
    assert trip_count(program, main, main.instructions["loop"]) is None


FUSED = """\
%more (i: s32[], one: s32[]) -> s32[] {
  %i = s32[] parameter(0)
  %one = s32[] parameter(1)
  ROOT %next = s32[] add(%i, %one)
}

%less (j: s32[]) -> pred[] {
  %j = s32[] parameter(0)
  %five = s32[] constant(5)
  ROOT %compared = pred[] compare(%j, %five), direction=LT
}

%body (state: (s32[])) -> (s32[]) {
  %state = (s32[]) parameter(0)
  %i.1 = s32[] get-tuple-element(%state), index=0
  %copied = s32[] copy(%i.1)
  %one.1 = s32[] constant(1)
  %fused = s32[] fusion(%copied, %one.1), kind=kLoop, calls=%more
  ROOT %new = (s32[]) tuple(%fused)
}

%condition (state.1: (s32[])) -> pred[] {
  %state.1 = (s32[]) parameter(0)
  %i.2 = s32[] get-tuple-element(%state.1), index=0
  ROOT %fused.1 = pred[] fusion(%i.2), kind=kLoop, calls=%less
}

ENTRY %main () -> (s32[]) {
  %zero = s32[] constant(0)
  %first = (s32[]) tuple(%zero)
  ROOT %loop = (s32[]) while(%first), condition=%condition, body=%body
}
"""


def test_counters_are_found_inside_of_fusions_and_behind_copies():
    program = parse(FUSED)
    main = program.computations["main"]
    assert trip_count(program, main, main.instructions["loop"]) == 5


@pytest.mark.parametrize("lost", ["ROOT %new = (s32[]) tuple(%fused)", "%one.1 = s32[] constant(1)"])
def test_a_loop_that_is_not_understood_has_no_count(lost):
    replacement = {
        "ROOT %new = (s32[]) tuple(%fused)": "ROOT %new = (s32[]) custom-call(%fused)",
        "%one.1 = s32[] constant(1)": "%one.1 = s32[] custom-call(%copied)",
    }[lost]
    program = parse(FUSED.replace(lost, replacement))
    main = program.computations["main"]
    assert trip_count(program, main, main.instructions["loop"]) is None
