"""Operations in the text of an optimized program: which are counted, and with how many bytes."""

from __future__ import annotations

from pytest_accel.program_text import collectives, operations
from pytest_accel.records import Operations

TEXT = """\
HloModule jit_step, is_scheduled=true, input_output_alias={ {0}: (0, {}, may-alias) }

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  %y = f32[] parameter(1)
  ROOT %sum = f32[] add(%x, %y)
}

%inner (p: bf16[8,4]) -> bf16[8,4] {
  %p = bf16[8,4]{1,0} parameter(0)
  ROOT %negated = bf16[8,4]{1,0} negate(%p)
}

%fused_convolution (p.1: bf16[8,4], w: bf16[4,4]) -> bf16[8,4] {
  %p.1 = bf16[8,4]{1,0} parameter(0)
  %w = bf16[4,4]{1,0} parameter(1)
  %nested = bf16[8,4]{1,0} fusion(%p.1), kind=kLoop, calls=%inner
  %moved = bf16[8,4]{0,1} copy(%nested)
  ROOT %conv = bf16[8,4]{1,0:T(8,128)(2,1)} convolution(%moved, %w), dim_labels=bf_io->bf, window={size=1}
}

%fused_add (p.2: f32[16]) -> (f32[16], pred[16]) {
  %p.2 = f32[16]{0} parameter(0)
  %same = pred[16]{0} compare(%p.2, %p.2), direction=EQ
  ROOT %both = (f32[16]{0}, pred[16]{0}) tuple(%p.2, %same)
}

ENTRY %main.1_spmd (a: bf16[8,4], /*index=5*/b: bf16[4,4], c: f32[16]) -> (bf16[8,4], f32[16]) {
  %a = bf16[8,4]{1,0} parameter(0), metadata={op_name="images"}
  %b = bf16[4,4]{1,0} parameter(1)
  %c = f32[16]{0} parameter(2)
  %fusion.1 = bf16[8,4]{1,0:T(8,128)(2,1)} fusion(%a, %b), kind=kOutput, calls=%fused_convolution
  %fusion.2 = (f32[16]{0:T(256)}, /*index=1*/pred[16]{0}) fusion(%c), kind=kLoop, calls=%fused_add
  %transposed = bf16[8,4]{0,1} copy(%fusion.1), metadata={op_name="jit(step)/fusion(transposed)"}
  %all-reduce = (f32[16]{0:T(256)}, f32[4,4]{1,0}) all-reduce(%c, %c), channel_id=1, to_apply=%add
  %started = (f32[2], f32[4]) all-gather-start(%c), dimensions={0}
  %done = f32[4] all-gather-done(%started)
  ROOT %result = (bf16[8,4], f32[16]) tuple(%transposed, %c)
}
"""


def test_operations_are_counted_with_the_bytes_that_they_produce():
    assert operations(TEXT) == {
        "convolutions": Operations(1, 64),
        "convolution fusions": Operations(1, 64),
        "other fusions": Operations(1, 16 * 4 + 16),
        "copies": Operations(1, 64),
        "all-reduce": Operations(1, 64 + 64),
        "all-gather": Operations(1, 8 + 16),
    }


def test_what_is_exchanged_between_devices_adds_up():
    assert collectives(operations(TEXT)) == Operations(2, 128 + 24)
    assert collectives({}) == Operations(0, 0)


def test_a_text_without_operations_has_none():
    assert operations("") == operations("HloModule nothing\n") == {}
