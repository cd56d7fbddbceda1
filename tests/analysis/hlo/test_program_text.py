"""The text of a program as computations, instructions and source lines."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.hlo.program_text import parse

TEXT = """\
HloModule jit_step, is_scheduled=true

FileNames
1 "/home/someone/model.py"

FunctionNames
1 "step"

FileLocations
1 {file_name_id=1 function_name_id=1 line=12 end_line=12 column=4 end_column=9}

StackFrames
1 {file_location_id=1 parent_frame_id=1}


%doubled (p: f32[4]) -> f32[4] {
  %p = f32[4]{0} parameter(0)
  ROOT %sum = f32[4]{0} add(%p, %p), metadata={op_name="jit(step)/add" stack_frame_id=1}
}

ENTRY %main (x: f32[4], /*index=1*/y: f32[4]) -> (f32[4], f32[]) {
  %x = f32[4]{0:T(128)} parameter(0)
  %y = f32[4]{0} parameter(1), metadata={op_name="y" source_file="/a/b/other.py" source_line=3}
  %fused = f32[4]{0} fusion(%x), kind=kLoop, calls=%doubled
  %zero = f32[] constant(0)
  %branches = f32[4]{0} conditional(%zero, %x, /*index=2*/%y), branch_computations={%doubled, %doubled}
  ROOT %result = (f32[4]{0}, f32[]) tuple(%fused, %zero)
}
"""


def test_instructions_have_operands_and_call_computations():
    program = parse(TEXT)
    main = program.computations[program.entry]
    assert list(main.instructions) == ["x", "y", "fused", "zero", "branches", "result"]
    assert main.root == "result"
    assert main.instructions["fused"].operands == ("x",)
    assert main.instructions["fused"].calls("calls") == "doubled"
    assert main.instructions["fused"].calls("body") is None
    assert [name for _, name in main.instructions["branches"].called] == ["doubled", "doubled"]
    assert main.instructions["branches"].operands == ("zero", "x", "y")
    assert main.instructions["zero"].arguments == "0"
    assert len(main.instructions["result"].results) == 2


def test_source_lines_come_from_the_table_of_frames_or_the_instruction():
    program = parse(TEXT)
    main, doubled = program.computations["main"], program.computations["doubled"]
    assert program.source_line(doubled.instructions["sum"]) == "model.py:12"
    assert program.source_line(main.instructions["y"]) == "other.py:3"
    assert program.source_line(main.instructions["x"]) is None
    assert doubled.instructions["sum"].op_name == "jit(step)/add"


def test_lines_of_our_own_that_put_programs_together_are_not_named():
    path = "/site-packages/pytest_accel/frameworks/xla/tensorflow_programs.py"
    program = parse(TEXT.replace("/home/someone/model.py", path))
    assert program.source_line(program.computations["doubled"].instructions["sum"]) is None


def test_parameters_are_in_the_order_of_their_numbers():
    lines = (
        "ENTRY %main () -> f32[2] {",
        "  ROOT %b = f32[2] parameter(1)",
        "  %a = f32[1] parameter(0)",
        "}",
    )
    program = parse("\n".join(lines))
    assert [one.name for one in program.computations["main"].parameters] == ["a", "b"]


@pytest.mark.parametrize("text", ["", "HloModule nothing\n", "%only (p: f32[]) -> f32[] {\n}\n"])
def test_text_without_an_entry_is_no_program(text):
    with pytest.raises(ValueError, match="no program in HLO text: it has no ENTRY computation"):
        parse(text)
