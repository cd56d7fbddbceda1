"""Accelerator types as the cloud names them: which slice each is, and what is said of one that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hardware.tpu_generations import GENERATIONS, slice_named
from pytest_accel.records.user_error import UserError


@pytest.mark.parametrize(
    ("name", "compiler_name", "devices", "flops_per_s", "memory_gib"),
    [
        ("v2-8", "v2:2x2", 8, 22.5e12, 8),
        ("v2-32", "v2:4x4", 32, 22.5e12, 8),
        ("v3-8", "v3:2x2", 8, 61.5e12, 16),
        ("v4-8", "v4:2x2x1", 4, 275e12, 32),
        ("v4-32", "v4:2x2x4", 16, 275e12, 32),
        ("v5litepod-1", "v5e:1x1", 1, 197e12, 16),
        ("v5litepod-4", "v5e:2x2", 4, 197e12, 16),
        ("v5litepod-8", "v5e:2x4", 8, 197e12, 16),
        ("v5p-8", "v5p:2x2x1", 4, 459e12, 95),
        ("v4-384", "v4:4x4x12", 192, 275e12, 32),
        ("v5p-768", "v5p:4x8x12", 384, 459e12, 95),
        ("v5p-12288", "v5p:16x16x24", 6144, 459e12, 95),
        ("tpu7x-8", "tpu7x:2x2x1", 8, 1153.5e12, 96),
        ("v6e-4", "v6e:2x2", 4, 918e12, 32),
        ("v6e-256", "v6e:16x16", 256, 918e12, 32),
    ],
)
def test_types_are_slices_of_a_generation(name, compiler_name, devices, flops_per_s, memory_gib):
    found = slice_named(name)
    assert (found.compiler_name, found.devices) == (compiler_name, devices)
    assert found.device_flops_per_s == flops_per_s
    assert found.device_memory_bytes == memory_gib * 2**30


def test_memory_and_bandwidth_are_shared_by_the_devices_of_a_chip():
    """A v2 chip has 16 GB and 700 GB/s for two cores."""
    core = slice_named("v2-8")
    assert core.device_memory_bytes * 2 == 16 * 2**30
    assert core.device_memory_bytes_per_s * 2 == 700e9


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "v9-8",
            r"^'v9-8' is not a TPU type that can be compiled for: give one of v2-8, v3-8, v4-8, v5litepod-4",
        ),
        ("v5p-24", "is not a slice of the TPU v5p .*: give v5p-8, .* or a larger one up to v5p-12288$"),
        ("v2", "is not a TPU type that can be compiled for"),
        ("V2-8", "is not a TPU type that can be compiled for"),
        ("../v2-8", "is not a TPU type that can be compiled for"),
        ("v2-7", r"^'v2-7' is not a slice of the TPU v2 that can be compiled for: give v2-8, v2-16, v2-32"),
        ("v2-100000", "is not a slice of the TPU v2 that can be compiled for: give v2-8"),
        (
            "v5litepod-2",
            r"is not a slice of the TPU v5e that can be compiled for: give v5litepod-1, v5litepod-4",
        ),
    ],
)
def test_what_is_no_type_is_named_with_those_that_are(name, said):
    with pytest.raises(UserError, match=said):
        slice_named(name)


@given(st.text(max_size=12))
def test_any_text_is_a_slice_or_an_error(name):
    try:
        found = slice_named(name)
    except UserError as error:
        assert repr(name) in str(error)  # noqa: PT017, either is right
    else:
        assert found.name == name


@pytest.mark.parametrize("generation", [each for each in GENERATIONS if each.compiled])
def test_the_smallest_that_is_offered_is_there(generation):
    name = f"{generation.type_prefix}-{4 * generation.type_units_per_chip}"
    assert slice_named(name).generation is generation
