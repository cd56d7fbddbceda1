"""What the hardware must offer, as a marker says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.api.settings import Settings, kinds, memory_bytes
from pytest_accel.records import Kind

UNITS = {"GB": 10**9, "GiB": 2**30, "MB": 10**6, "MiB": 2**20}


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)))
def test_a_size_is_read_in_bytes(number, unit):
    assert memory_bytes(f"{number}{unit}") == number * UNITS[unit]
    assert memory_bytes(f" {number} {unit.lower()} ") == number * UNITS[unit]


@pytest.mark.parametrize(("text", "size"), [("1.5GB", 1_500_000_000), ("0.5GiB", 2**29)])
def test_a_size_may_be_a_fraction(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("value", ["16", 16, "GB", "16TB", "-1GB", "", True, None, "9" * 400 + "GB"])
def test_what_is_no_size_is_named_with_the_way_out(value):
    with pytest.raises(pytest.UsageError, match=r"give a number with GB, GiB, MB or MiB, such as 16GB$"):
        memory_bytes(value)


@given(st.text() | st.from_regex(r"\s*[0-9.]{0,30}\s*[GM]i?B", fullmatch=True))
def test_any_text_is_a_size_or_an_error(text):
    try:
        size = memory_bytes(text)
    except pytest.UsageError as error:
        if repr(text) not in str(error):
            raise
    else:
        assert type(size) is int
        assert size >= 0


def test_kinds_are_one_or_several():
    assert kinds("gpu") == (Kind.GPU,)
    assert kinds(("gpu", "tpu")) == kinds(["gpu", "tpu"]) == (Kind.GPU, Kind.TPU)


@pytest.mark.parametrize("value", ["cuda", "", (), ("gpu", "cuda"), [["gpu"]], 1, None, {"gpu"}])
def test_what_is_no_kind_is_named_with_the_choices(value):
    with pytest.raises(pytest.UsageError, match=r"give one or more of cpu, gpu, tpu$") as error:
        kinds(value)
    assert str(error.value).startswith(repr(value))


def given_nothing(**given):
    defaults = {
        "accel": "auto",
        "framework": "tensorflow",
        "identity": None,
        "baselines": "baselines",
        "tolerance": None,
        "strict": False,
        "runs": 1,
        "budget": 60.0,
        "session_budget": None,
        "wait": 60.0,
        "timeout": 1800.0,
        "price": None,
        "data": None,
        "update_baselines": False,
        "record_missing": False,
        "against": None,
        "topology": None,
        "in_process": False,
        "json": None,
        "devices": None,
        "html": None,
        "markdown": None,
        "coordinator": None,
        "trust_network": False,
    }
    return Settings(**{**defaults, **given})


@pytest.mark.parametrize(
    ("against", "kind", "tolerance"),
    [
        (None, Kind.CPU, 0.1), (None, Kind.GPU, 0.02), (None, Kind.TPU, 0.02),
        ("venv", Kind.CPU, 0.025), ("venv", Kind.GPU, 0.02), ("venv", Kind.TPU, 0.02),
    ],
)  # fmt: skip
def test_the_default_tolerance_is_that_of_the_kind(against, kind, tolerance):
    assert given_nothing(against=against).tolerance_for(kind) == tolerance


@pytest.mark.parametrize(
    ("wait", "timeout", "longest"), [(60.0, 1800.0, 60.0), (60.0, 40.0, 20.0), (0.0, 40.0, 0.0)]
)
def test_no_run_reaches_its_time_limit_by_waiting(wait, timeout, longest):
    assert given_nothing(wait=wait, timeout=timeout).run_wait_s == longest
