"""Arrays as HLO writes them: sizes, layouts with tiles, and where they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.hlo.shapes import arrays


@pytest.mark.parametrize(
    ("text", "logical", "physical"),
    [
        ("f32[]", 4, 4),
        ("bf16[8,128]{1,0}", 2048, 2048),
        ("bf16[8,128]{1,0:T(8,128)(2,1)}", 2048, 2048),
        ("f32[513,10]{1,0:T(8,128)}", 513 * 10 * 4, 520 * 128 * 4),
        ("f32[513,10]{0,1:T(8,128)}", 513 * 10 * 4, 640 * 16 * 4),
        ("f32[3,5,7]{2,1,0:T(8,128)}", 105 * 4, 3 * 8 * 128 * 4),
        ("f32[10]{0:T(128)}", 40, 512),
        ("s32[]{:T(128)}", 4, 512),
        ("pred[16]{0}", 16, 16),
        ("s4[7]{0}", 3, 3),
        ("f32[0,4]{1,0:T(8,128)}", 0, 0),
    ],
)
def test_an_array_has_a_size_and_fills_whole_tiles(text, logical, physical):
    (array,) = arrays(text)
    assert (array.logical_bytes, array.physical_bytes) == (logical, physical)


def test_a_tuple_has_all_its_arrays_and_no_tokens():
    found = arrays("(f32[2,3]{1,0:T(8,128)S(1)}, /*index=1*/token[], (bf16[4]{0}, u32[]{:S(2)}))")
    assert [(array.dtype, array.dims, array.memory_space) for array in found] == [
        ("f32", (2, 3), 1),
        ("bf16", (4,), 0),
        ("u32", (), 2),
    ]


def test_what_lies_on_the_chip_takes_none_of_the_memory():
    on_chip, in_memory = arrays("(f32[8,128]{1,0:T(8,128)S(1)}, f32[8,128]{1,0:T(8,128)})")
    assert (on_chip.hbm_bytes, in_memory.hbm_bytes) == (0, 4096)


@given(
    dims=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    tile=st.sampled_from(["8,128", "128", "2,128"]),
)
def test_tiles_never_make_an_array_smaller(dims, tile):
    order = ",".join(map(str, reversed(range(len(dims)))))
    (array,) = arrays(f"f32[{','.join(map(str, dims))}]{{{order}:T({tile})}}")
    assert array.physical_bytes >= array.logical_bytes
    assert array.physical_bytes % 512 == 0
