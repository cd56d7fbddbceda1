"""Operations of a program with their kinds, and the step time that is modelled of them."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_accel.analysis.hlo.operations import operations
from pytest_accel.analysis.hlo.program_text import parse
from pytest_accel.analysis.hlo.step_time_model import Limits, modelled

LIMITS = Limits(
    flops_per_s=1e12,
    vector_flops_per_s=1e10,
    int8_speedup=2.0,
    memory_bytes_per_s=1e9,
    exchange_bytes_per_s=1e8,
    host_bytes_per_s=1e7,
)

COMPUTATIONS = """\
%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%product (x: f32[512,512], y: f32[512,512]) -> f32[512,512] {
  %x = f32[512,512] parameter(0)
  %y = f32[512,512] parameter(1)
  %dot = f32[512,512] dot(%x, %y), lhs_contracting_dims={1}, rhs_contracting_dims={0}, PRECISION
  ROOT %same = f32[512,512] bitcast(%dot)
}

%body (state: (s32[], f32[512,512])) -> (s32[], f32[512,512]) {
  %state = (s32[], f32[512,512]) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %m = f32[512,512] get-tuple-element(%state), index=1
  %one = s32[] constant(1)
  %next = s32[] add(%i, %one)
  %squared = f32[512,512] fusion(%m, %m), kind=kOutput, calls=%product, metadata={METADATA}
  ROOT %new = (s32[], f32[512,512]) tuple(%next, %squared)
}

%condition (state.1: (s32[], f32[512,512])) -> pred[] {
  %state.1 = (s32[], f32[512,512]) parameter(0)
  %i.1 = s32[] get-tuple-element(%state.1), index=0
  %limit = s32[] constant(5)
  ROOT %compared = pred[] compare(%i.1, %limit), direction=LT
}

%cheap (c: f32[512,512]) -> f32[512,512] {
  %c = f32[512,512] parameter(0)
  ROOT %c.1 = f32[512,512] negate(%c)
}

%dear (d: f32[512,512]) -> f32[512,512] {
  %d = f32[512,512] parameter(0)
  ROOT %d.1 = f32[512,512] fusion(%d, %d), kind=kOutput, calls=%product
}
"""

METADATA = 'op_name="dot_general" source_file="model.py" source_line=7'
MATRIX = 512 * 512 * 4
PRODUCT_FLOPS = 2 * 512**3


def found(*lines, precision="operand_precision={default,default}", limits=LIMITS, devices=4):
    text = "\n".join([COMPUTATIONS, "ENTRY %main () -> f32[] {", *(f"  {line}" for line in lines), "}", ""])
    program = parse(text.replace("PRECISION", precision).replace("METADATA", METADATA))
    return modelled(program, operations(program, devices), limits)


M = "%m.1 = f32[512,512] parameter(0)"


def test_an_operation_takes_as_long_as_what_it_keeps_busy_longest():
    product = "ROOT %p = f32[512,512] fusion(%m.1, %m.1), kind=kOutput, calls=%product"
    moving = found(M, product)
    assert moving.time_s == pytest.approx(3 * MATRIX / 1e9)
    computing = found(M, product, limits=dataclasses.replace(LIMITS, flops_per_s=1e9))
    assert computing.time_s == pytest.approx(PRODUCT_FLOPS / 1e9)
    assert set(computing.operations) == {"matmuls f32"}
    arithmetic = found(
        M, "ROOT %n = f32[512,512] negate(%m.1)", limits=dataclasses.replace(LIMITS, vector_flops_per_s=1e6)
    )
    assert arithmetic.time_s == pytest.approx(512 * 512 / 1e6)


@pytest.mark.parametrize(("precision", "passes"), [("default", 1), ("high", 3), ("highest", 6)])
def test_products_of_float32_take_as_many_passes_as_their_precision_asks_for(precision, passes):
    step = found(
        M,
        "ROOT %p = f32[512,512] fusion(%m.1, %m.1), kind=kOutput, calls=%product",
        precision=f"operand_precision={{{precision},default}}",
        limits=dataclasses.replace(LIMITS, flops_per_s=1e9),
    )
    assert step.time_s == pytest.approx(passes * PRODUCT_FLOPS / 1e9)
    (kind,) = step.operations
    assert kind == ("matmuls f32" if passes == 1 else f"matmuls f32 at {precision} precision")


LOOP = (
    M,
    "%zero = s32[] constant(0)",
    "%first = (s32[], f32[512,512]) tuple(%zero, %m.1)",
    "ROOT %loop = (s32[], f32[512,512]) while(%first), condition=%condition, body=%body, "
    'metadata={op_name="scan"}',
)


def test_what_is_inside_of_a_loop_counts_as_often_as_it_runs():
    step = found(*LOOP)
    products = step.operations["matmuls f32"]
    assert (products.count, products.flops) == (5, 5 * PRODUCT_FLOPS)
    assert products.time_s == pytest.approx(5 * 3 * MATRIX / 1e9)
    assert products.times_s_by_line == {"model.py:7": products.time_s}
    assert step.loops == (5,)
    (body,) = step.loop_bodies
    assert (body.op_name, body.source_line) == ("scan", None)
    assert body.flops == PRODUCT_FLOPS + 1 + 1  # the counter and its comparison
    assert body.time_s == pytest.approx(step.time_s / 5)


def test_a_loop_without_a_known_count_is_taken_to_run_once():
    step = found(LOOP[0], "%zero = s32[] custom-call(%m.1)", *LOOP[2:])
    assert step.loops == (None,)
    assert step.operations["matmuls f32"].count == 1


def test_of_branches_the_dearest_counts():
    step = found(M, "ROOT %c.2 = f32[512,512] conditional(%m.1, %m.1), branch_computations={%cheap, %dear}")
    assert set(step.operations) == {"matmuls f32"}


def test_early_copies_count_as_far_as_the_rest_waits_for_them():
    copy = "%s = (f32[512,512]{1,0:S(1)}, f32[512,512], u32[]) copy-start(%m.1)"
    done = "%d.2 = f32[512,512]{1,0:S(1)} copy-done(%s)"
    work = "ROOT %p = f32[512,512]{1,0:S(1)} fusion(%d.2, %d.2), kind=kOutput, calls=%product"
    waiting = found(M, copy, done, work)
    assert waiting.operations["prefetches"].time_s == pytest.approx(
        MATRIX / 1e9 - waiting.operations["matmuls f32"].time_s
    )
    busy = found(M, copy, done, work, limits=dataclasses.replace(LIMITS, flops_per_s=1e9))
    assert busy.operations["prefetches"].time_s == 0
    assert busy.time_s == pytest.approx(PRODUCT_FLOPS / 1e9)


def test_exchanges_come_on_top():
    step = found(M, "ROOT %r = f32[512,512] all-reduce(%m.1), to_apply=%add")
    reduced = step.operations["all-reduce"]
    assert reduced.exchanged_bytes == MATRIX
    assert reduced.time_s == pytest.approx(2 * MATRIX / 1e9 + 2 * 3 / 4 * MATRIX / 1e8)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("%o = f32[512,512] convolution(%m.1, %m.1), dim_labels=bf_io->bf", "matmuls f32"),
        (
            "%i = f32[4,8,16] parameter(1)\n  %k = f32[3,16,16] parameter(2)\n"
            "  %o = f32[4,6,16] convolution(%i, %k), window={size=3}, dim_labels=b0f_0io->b0f",
            "convolutions f32",
        ),
        (
            '%o = f32[512,512] convolution(%m.1, %m.1), dim_labels=bf_io->bf, metadata={op_name="a/MatMul"}',
            "matmuls f32",
        ),
        ("%o = f32[512,512] sort(%m.1), dimensions={1}, to_apply=%add", "sorts"),
        ("%o = f32[512,512] copy(%m.1)", "copies"),
        ("%o = f32[512,512] transpose(%m.1)", "copies"),
        ("%o = bf16[512,512] convert(%m.1)", "fusions bf16"),
        ("%o = f32[512,512] fusion(%m.1), kind=kLoop, calls=%cheap", "fusions f32"),
        ('%o = f32[512,512] custom-call(%m.1), custom_call_target="TopK"', "custom calls TopK"),
        (
            '%o = f32[512,512] custom-call(%m.1), custom_call_target="xla_python_cpu_callback"',
            "host transfers",
        ),
        (
            "%o = (f32[512,512], u32[], token[]) send(%m.1), channel_id=1, is_host_transfer=true",
            "host transfers",
        ),
        ("%o = (token[], token[]) outfeed(%m.1)", "host transfers"),
        ("%o = (f32[512,512], u32[], token[]) send(%m.1), channel_id=1", "fusions f32"),
    ],
)
def test_an_operation_is_of_a_kind(line, kind):
    assert set(found(M, line).operations) == {kind}


@pytest.mark.parametrize("target", ["AllocateBuffer", "ConcatBitcast"])
def test_what_only_names_memory_is_no_operation(target):
    assert not found(M, f'%o = f32[512,512] custom-call(%m.1), custom_call_target="{target}"').operations


def test_a_custom_call_that_states_its_cost_takes_that():
    stated = 'backend_config={"custom_call_config":{"cost_estimate":{"flops":"5000000000000"}}}'
    step = found(M, f'%o = f32[512,512] custom-call(%m.1), custom_call_target="tpu_custom_call", {stated}')
    assert step.operations["custom calls tpu_custom_call f32"].time_s == pytest.approx(5)


def test_times_by_kind_add_up_to_the_step():
    step = found(*LOOP[:-1], "%r = f32[512,512] all-reduce(%m.1), to_apply=%add", LOOP[-1])
    assert step.time_s == pytest.approx(sum(each.time_s for each in step.operations.values()))
