"""Operations in the text of an optimized program: which are counted, and with how many bytes."""

from __future__ import annotations

from pytest_accel.analysis.hlo import collectives, loop_iterations, loops, operations
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
        "all-gather": Operations(1, 16),
    }


def test_what_is_exchanged_between_devices_adds_up():
    assert collectives(operations(TEXT)) == Operations(2, 128 + 16)
    assert collectives({}) == Operations(0, 0)


WHILE_ANOTHER_RUNS = """\
%begins (p: f32[2]) -> (f32[2], f32[8], u32[]) {
  %p = f32[2]{0} parameter(0)
  %all-gather.1 = f32[8]{0} all-gather(%p), channel_id=1, dimensions={0}, frontend_attributes={chain_id="0"}
  ROOT %begun = (f32[2], f32[8]) custom-call(%p, %all-gather.1), custom_call_target="AsyncCollectiveStart"
}

%goes_on (q: f32[2]) -> f32[2] {
  %q = f32[2]{0} parameter(0)
  %all-gather.2 = f32[8]{0} all-gather(%q), channel_id=1, dimensions={0}, frontend_attributes={chain_id="0"}
  ROOT %convolution = f32[2]{0} convolution(%q, %q)
}

%ends (r: f32[2]) -> f32[8] {
  %r = f32[2]{0} parameter(0)
  %all-gather.3 = f32[8]{0} all-gather(%r), channel_id=1, dimensions={0}, frontend_attributes={chain_id="0"}
  ROOT %done = f32[8]{0} custom-call(%r, %all-gather.3), custom_call_target="AsyncCollectiveDone"
}

%all_of_it (s: f32[4]) -> f32[2] {
  %s = f32[4]{0} parameter(0)
  %all-reduce = f32[4]{0} all-reduce(%s), channel_id=1, to_apply=%add
  ROOT %slice = f32[2]{0} slice(%all-reduce)
}

ENTRY %main (a: f32[2], b: f32[4]) -> f32[2] {
  %a = f32[2]{0} parameter(0)
  %b = f32[4]{0} parameter(1)
  %fusion.1 = (f32[2], f32[8], u32[]) fusion(%a), kind=kCustom, calls=%begins
  %fusion.2 = f32[2]{0} fusion(%a), kind=kOutput, calls=%goes_on
  %fusion.3 = f32[8]{0} fusion(%a), kind=kCustom, calls=%ends
  %fusion.4 = f32[2]{0} fusion(%b), kind=kCustom, calls=%all_of_it
  %permuted = (f32[2]{0}, f32[2]{0:S(1)}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%a)
  ROOT %copied = (f32[2]{0}, f32[2]{0:S(1)}, u32[]{:S(2)}) copy-start(%a)
}
"""


def test_an_exchange_during_other_work_counts_once_and_with_what_it_gives():
    found = operations(WHILE_ANOTHER_RUNS)
    assert found["all-gather"] == Operations(1, 32)
    assert found["all-reduce"] == Operations(1, 16)
    assert found["collective-permute"] == found["copies"] == Operations(1, 8)


LOOPS = """\
%until_5 (c: (s32[], f32[2])) -> pred[] {
  %c = (s32[]{:T(128)}, f32[2]{0}) parameter(0)
  %constant.12 = s32[]{:T(128)} constant(5)
  %now = s32[]{:T(128)} get-tuple-element(%c), index=0
  ROOT %lt = pred[]{:T(512)} compare(%now, %constant.12), direction=LT
}

%until_it_settles (c.1: (f32[])) -> pred[] {
  %c.1 = (f32[]) parameter(0)
  %value = f32[] get-tuple-element(%c.1), index=0
  %small = f32[] constant(0.5)
  ROOT %gt = pred[] compare(%value, %small), direction=GT
}

ENTRY %main (a: (s32[], f32[2]), b: (f32[])) -> f32[] {
  %while.1 = (s32[]{:T(128)}, f32[2]{0}) while(%a), condition=%until_5, body=%body, metadata={op_name="while"}
  %while.2 = (f32[]) while(%b), condition=%until_it_settles, body=%body.1
  ROOT %result = f32[] get-tuple-element(%while.2), index=0
}
"""


def test_loops_are_counted_and_so_are_their_iterations_where_they_are_known():
    assert operations(LOOPS)["loops"].count == 2
    assert loops(LOOPS) == (5, None)
    assert loop_iterations(loops(LOOPS)) == 6
    assert loops(TEXT) == ()


def test_a_text_without_operations_has_none():
    assert operations("") == operations("HloModule nothing\n") == {}
