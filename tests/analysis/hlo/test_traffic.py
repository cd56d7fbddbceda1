"""What an operation reads and writes: all of an array, or the part that it takes or changes."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.hlo.program_text import parse
from pytest_accel.analysis.hlo.traffic import moved

STACK, LAYER = 12 * 64 * 4, 64 * 4

FUSED = """\
%reshaped (p: f32[64]) -> f32[64] {
  %p = f32[64] parameter(0)
  ROOT %same = f32[64] bitcast(%p)
}

%takes_a_layer (stack: f32[12,64], i: s32[]) -> f32[64] {
  %stack = f32[12,64] parameter(0)
  %i = s32[] parameter(1)
  %zero = s32[] constant(0)
  %slice = f32[1,64] dynamic-slice(%stack, %i, %zero), dynamic_slice_sizes={1,64}
  %layer = f32[64] bitcast(%slice)
  %nested = f32[64] fusion(%layer), kind=kLoop, calls=%reshaped
  ROOT %doubled = f32[64] add(%nested, %nested)
}

%puts_a_layer (stack.1: f32[12,64], layer.1: f32[64], i.1: s32[]) -> f32[12,64] {
  %stack.1 = f32[12,64] parameter(0)
  %layer.1 = f32[64] parameter(1)
  %i.1 = s32[] parameter(2)
  %zero.1 = s32[] constant(0)
  %row = f32[1,64] bitcast(%layer.1)
  ROOT %updated = f32[12,64] dynamic-update-slice(%stack.1, %row, %i.1, %zero.1)
}

%takes_all (stack.2: f32[12,64]) -> f32[12,64] {
  %stack.2 = f32[12,64] parameter(0)
  %nested.2 = f32[12,64] fusion(%stack.2), kind=kLoop, calls=%same_shape
  ROOT %doubled.2 = f32[12,64] add(%nested.2, %nested.2)
}

%same_shape (q: f32[12,64]) -> f32[12,64] {
  %q = f32[12,64] parameter(0)
  ROOT %same.1 = f32[12,64] bitcast(%q)
}

ENTRY %main (s: f32[12,64], l: f32[64], n: s32[]) -> f32[] {
  %s = f32[12,64] parameter(0)
  %l = f32[64] parameter(1)
  %n = s32[] parameter(2)
  %taken = f32[64] fusion(%s, %n), kind=kLoop, calls=%takes_a_layer
  %put = f32[12,64] fusion(%s, %l, %n), kind=kLoop, calls=%puts_a_layer
  %all = f32[12,64] fusion(%s), kind=kLoop, calls=%takes_all
  %zero.3 = s32[] constant(0)
  %sliced = f32[1,64] dynamic-slice(%s, %n, %zero.3), dynamic_slice_sizes={1,64}
  %changed = f32[12,64] dynamic-update-slice(%s, %sliced, %n, %zero.3)
  %gathered = f32[2,64] gather(%s, %n), offset_dims={1}
  %copying = (f32[12,64]{1,0:S(1)}, f32[12,64], u32[]) copy-start(%s)
  %slicing = ((f32[12,64]), f32[3,64]{1,0:S(1)}, s32[]) slice-start(%s), slice={[0:3], [0:64]}
  ROOT %copied = f32[12,64] copy(%s)
}
"""


@pytest.mark.parametrize(
    ("name", "read_and_written"),
    [
        ("taken", LAYER + 4 + LAYER),
        ("put", LAYER + 4 + LAYER),
        ("all", 2 * STACK),
        ("sliced", 2 * LAYER),
        ("changed", 2 * LAYER),
        ("gathered", 4 * LAYER),
        ("copied", 2 * STACK),
        ("copying", 2 * STACK),
        ("slicing", 2 * 3 * LAYER),
    ],
)
def test_an_operation_moves_what_it_takes_and_what_is_new(name, read_and_written):
    program = parse(FUSED)
    main = program.computations["main"]
    assert (
        sum(part.logical_bytes for part in moved(program, main, main.instructions[name])) == read_and_written
    )


def test_a_copy_to_the_chip_reads_the_memory_once():
    program = parse(FUSED)
    main = program.computations["main"]
    for name, in_memory in (("copying", STACK), ("slicing", 3 * LAYER)):
        assert sum(part.hbm_bytes for part in moved(program, main, main.instructions[name])) == in_memory
