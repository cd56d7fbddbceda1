"""Collectives: their bytes, the devices of a group, and those that go on during other operations."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.hlo.exchanges import Exchange, exchanges
from pytest_accel.analysis.hlo.program_text import parse


def exchanged(*lines, devices=8, before=""):
    program = parse(
        "\n".join([before, "ENTRY %main () -> f32[] {", *(f"  {line}" for line in lines), "}", ""])
    )
    main = program.computations["main"]
    return [each for one in main.instructions.values() for each in exchanges(program, main, one, devices)]


X = "%x = f32[16]{0} parameter(0)"


@pytest.mark.parametrize(
    ("groups", "devices"),
    [
        ("replica_groups={{0,1},{2,3}}", 2),
        ("replica_groups=[2,4]<=[8]", 4),
        ("replica_groups=mesh['data'=4,'model'=2] {'model'}", 2),
        ("replica_groups=mesh['data'=4,'model'=2] {'data','model'}", 8),
        ("replica_groups={}", 8),
        ("channel_id=1", 8),
    ],
)
def test_a_group_is_of_so_many_devices(groups, devices):
    assert exchanged(X, f"ROOT %r = f32[16]{{0}} all-reduce(%x), {groups}, to_apply=%add") == [
        Exchange("all-reduce", 64, devices)
    ]


def test_all_arrays_of_one_collective_count():
    (found,) = exchanged(X, "ROOT %r = (f32[16]{0}, bf16[4,4]{1,0}) all-reduce(%x, %x), to_apply=%add")
    assert found.bytes == 64 + 32


def test_the_start_of_an_asynchronous_collective_counts_its_result():
    found = exchanged(
        X,
        "%s = (f32[16]{0}, f32[128]{0}) all-gather-start(%x), dimensions={0}",
        "%d = f32[128]{0} all-gather-done(%s)",
        "%p = (f32[16]{0}, f32[16]{0}, u32[], u32[]) collective-permute-start(%x)",
        "ROOT %e = f32[16]{0} collective-permute-done(%p)",
    )
    assert found == [Exchange("all-gather", 512, 8), Exchange("collective-permute", 64, 8)]


DURING_OTHERS = """\
%begins (p: f32[2]) -> (f32[2], f32[8]) {
  %p = f32[2]{0} parameter(0)
  %all-gather.1 = f32[8]{0} all-gather(%p), dimensions={0}, frontend_attributes={chain_id="0"}
  ROOT %begun = (f32[2], f32[8]) custom-call(%p, %all-gather.1), custom_call_target="AsyncCollectiveStart"
}

%goes_on (q: f32[2]) -> f32[8] {
  %q = f32[2]{0} parameter(0)
  ROOT %all-gather.2 = f32[8]{0} all-gather(%q), dimensions={0}, frontend_attributes={chain_id="0"}
}
"""


def test_a_collective_that_goes_on_during_others_counts_once():
    found = exchanged(
        "%x = f32[2]{0} parameter(0)",
        "%f = (f32[2], f32[8]) fusion(%x), kind=kCustom, calls=%begins",
        "ROOT %g = f32[8] fusion(%x), kind=kCustom, calls=%goes_on",
        before=DURING_OTHERS,
    )
    assert found == [Exchange("all-gather", 32, 8)]


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("all-reduce", 2 * 3 / 4 * 100),
        ("all-gather", 3 / 4 * 100),
        ("all-to-all", 3 / 4 * 100),
        ("reduce-scatter", 3 * 100),
        ("collective-permute", 100),
    ],
)
def test_a_device_sends_what_a_ring_takes(name, sent):
    assert Exchange(name, 100, 4).sent_bytes == sent
    if name != "collective-permute":
        assert Exchange(name, 100, 1).sent_bytes == 0
