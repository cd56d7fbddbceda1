"""FLOPs of single operations: the formulas against counting."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.hlo.flops import convolution_flops, dot_flops, vector_flops
from pytest_accel.analysis.hlo.program_text import parse


def program_of(*lines):
    return parse("\n".join([ADD, "ENTRY %main () -> f32[] {", *(f"  {line}" for line in lines), "}", ""]))


ADD = """\
%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}
"""


def counted(count, *lines):
    program = program_of(*lines)
    main = program.computations["main"]
    return count(main, main.instructions[main.root])


def vector_counted(*lines):
    program = program_of(*lines)
    main = program.computations["main"]
    return vector_flops(program, main, main.instructions[main.root])


def test_a_product_takes_two_for_each_element_of_the_result_and_the_contraction():
    flops = counted(
        dot_flops,
        "%x = f32[4,5,6] parameter(0)",
        "%y = f32[4,6,7] parameter(1)",
        "ROOT %dot = f32[4,5,7] dot(%x, %y), lhs_batch_dims={0}, lhs_contracting_dims={2}, "
        "rhs_batch_dims={0}, rhs_contracting_dims={1}",
    )
    assert flops == 2 * 4 * 5 * 7 * 6


def test_a_product_that_is_written_as_a_convolution_counts_like_one():
    flops = counted(
        convolution_flops,
        "%x = bf16[128,1024] parameter(0)",
        "%y = bf16[1024,512] parameter(1)",
        "ROOT %conv = f32[128,512] convolution(%x, %y), dim_labels=bf_io->bf",
    )
    assert flops == 2 * 128 * 1024 * 512


def test_a_batch_of_products_that_is_written_as_a_convolution_counts_like_one():
    """The TPU's compiler dilates the batch, so that each position of the window meets one element."""
    flops = counted(
        convolution_flops,
        "%x = f32[4,128,64] parameter(0)",
        "%y = f32[4,64,32] parameter(1)",
        "ROOT %conv = f32[4,128,32] convolution(%x, %y), window={size=4 stride=3 lhs_dilate=4}, "
        "dim_labels=0bf_0io->0bf",
    )
    assert flops == 2 * 4 * 128 * 64 * 32


def test_groups_divide_the_features():
    flops = counted(
        convolution_flops,
        "%x = f32[2,8,16] parameter(0)",
        "%y = f32[3,1,16] parameter(1)",
        "ROOT %conv = f32[2,6,16] convolution(%x, %y), window={size=3}, dim_labels=b0f_0io->b0f, "
        "feature_group_count=16",
    )
    assert flops == 2 * 2 * 6 * 16 * 3


@given(
    size=st.integers(1, 9),
    window=st.integers(1, 5),
    stride=st.integers(1, 4),
    low=st.integers(-2, 4),
    high=st.integers(-2, 4),
    base=st.integers(1, 4),
    dilation=st.integers(1, 3),
)
def test_positions_in_padding_do_not_count(size, window, stride, low, high, base, dilation):
    dilated, reach = (size - 1) * base + 1, (window - 1) * dilation + 1
    results = max(0, (dilated + low + high - reach) // stride + 1)
    met = sum(
        0 <= at <= dilated - 1 and at % base == 0
        for result, position in itertools.product(range(results), range(window))
        for at in [result * stride + position * dilation - low]
    )
    flops = counted(
        convolution_flops,
        f"%x = f32[1,{size},1] parameter(0)",
        f"%y = f32[{window},1,1] parameter(1)",
        f"ROOT %conv = f32[1,{results},1] convolution(%x, %y), window={{size={window} stride={stride} "
        f"pad={low}_{high} lhs_dilate={base} rhs_dilate={dilation}}}, dim_labels=b0f_0io->b0f",
    )
    assert flops == 2 * met


def test_other_arithmetic_takes_one_for_each_element():
    assert vector_counted("%x = f32[8,4] parameter(0)", "ROOT %y = f32[8,4] multiply(%x, %x)") == 32
    assert vector_counted("%x = f32[8,4] parameter(0)", "ROOT %y = f32[8,4] tanh(%x)") == 0
    assert vector_counted("%x = f32[8,4] parameter(0)", "ROOT %y = f32[4,8] transpose(%x)") == 0


def test_reductions_apply_their_function_to_what_is_left_out():
    zero = "%zero = f32[] constant(0)"
    assert (
        vector_counted(
            "%x = f32[8,4] parameter(0)",
            zero,
            "ROOT %y = f32[8] reduce(%x, %zero), dimensions={1}, to_apply=%add",
        )
        == 32 - 8
    )
    assert (
        vector_counted(
            "%x = f32[1,8,8,1] parameter(0)",
            zero,
            "ROOT %y = f32[1,4,4,1] reduce-window(%x, %zero), window={size=1x2x2x1 stride=1x2x2x1}, "
            "to_apply=%add",
        )
        == 16 * 3
    )
    assert (
        vector_counted(
            "%x = f32[6,2048] parameter(0)",
            zero,
            "ROOT %y = f32[6,2048] reduce-window(%x, %zero), window={size=1x4095 pad=0_0x2047_2047}, "
            "to_apply=%add",
        )
        == 6 * 2048
    )
    assert (
        vector_counted(
            "%x = f32[100,4] parameter(0)",
            "%i = s32[6,1] parameter(1)",
            "%u = f32[6,4] parameter(2)",
            "ROOT %y = f32[100,4] scatter(%x, %i, %u), to_apply=%add",
        )
        == 24
    )
