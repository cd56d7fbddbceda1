"""What an option's text means: either a legal value, or an error that names the text and the way out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.api.options import (
    MARKER_ARGUMENTS,
    OPTIONS,
    percentage,
    positive_int,
    seconds,
    seconds_or_none,
)


def read(parse, value):
    """What the value means, None where it raises a UsageError that names it."""
    try:
        return parse(value)
    except pytest.UsageError as error:
        if repr(value) not in str(error):
            raise
        return None


@given(st.integers(1, 9999))
def test_a_percentage_is_read_as_a_fraction(hundredths):
    assert percentage(f"{hundredths / 100}%") == pytest.approx(hundredths / 10_000)


@pytest.mark.parametrize("text", ["2%", " 2 % ", "2.0%", "2.%", "02%"])
def test_a_percentage_may_be_written_in_several_ways(text):
    assert percentage(text) == 0.02


@pytest.mark.parametrize("value", ["2", "abc", "-1%", "0%", "100%", "", "1e1%", "nan%", 0.02, True, None])
def test_what_is_no_tolerance_is_named_with_the_way_out(value):
    with pytest.raises(
        pytest.UsageError, match=r"is not a tolerance: give a percentage .* such as 2%$"
    ) as error:
        percentage(value)
    assert str(error.value).startswith(repr(value))


@given(st.text() | st.from_regex(r"\s*[0-9.+-]{0,30}\s*%?", fullmatch=True) | st.floats() | st.none())
def test_any_text_is_a_fraction_or_an_error(value):
    fraction = read(percentage, value)
    assert fraction is None or 0 < fraction < 1


@given(st.integers(1, 10**9 - 1))
def test_a_whole_number_is_read_from_text_and_from_toml(number):
    assert positive_int(number) == positive_int(f" {number} ") == number


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "three", "", 0, 2.0, True, None, "9" * 400])
def test_what_is_no_positive_whole_number_is_named(value):
    with pytest.raises(pytest.UsageError, match=r"is not a whole number from 1 to 999999999$") as error:
        positive_int(value)
    assert str(error.value).startswith(repr(value))


@given(st.text() | st.from_regex(r"[+-]?[0-9_]{0,30}", fullmatch=True))
def test_any_text_is_a_positive_whole_number_or_an_error(text):
    number = read(positive_int, text)
    assert number is None or (type(number) is int and number >= 1)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_a_time_is_read_from_text_and_from_toml(number):
    assert seconds(number) == seconds(repr(number)) == number


@pytest.mark.parametrize("value", ["0", "-1", "soon", "", "nan", "inf", "1 min", 0, -0.5, True, None])
def test_what_is_no_time_is_named_with_the_way_out(value):
    with pytest.raises(pytest.UsageError, match=r"is not a time: give seconds above 0, such as 60$") as error:
        seconds(value)
    assert str(error.value).startswith(repr(value))


@pytest.mark.parametrize("text", ["0", "0.0", " 00 ", "+0."])
def test_a_wait_may_be_none(text):
    assert seconds_or_none(text) == 0.0


@pytest.mark.parametrize("value", ["", "-1", "nan", "inf", "soon", True, False])
def test_a_wait_that_is_no_time_is_refused(value):
    with pytest.raises(pytest.UsageError, match=r"is not a time: give seconds from 0, such as 60$"):
        seconds_or_none(value)


def test_a_wait_may_be_any_time():
    assert seconds_or_none("1.5") == 1.5


@given(st.text() | st.from_regex(r"[+-]?[0-9.e_]{0,30}", fullmatch=True) | st.floats() | st.booleans())
def test_any_value_is_a_time_or_an_error(value):
    number = read(seconds, value)
    assert number is None or (number > 0 and math.isfinite(number))


def test_every_option_and_marker_argument_is_in_the_help(pytester):
    text = pytester.runpytest("--help").stdout.str()
    for option in OPTIONS:
        assert option.flag in text
        assert (f"{option.dest} (" in text) == (option.ini is not None)
    markers = pytester.runpytest("--markers").stdout.str()
    for argument in MARKER_ARGUMENTS:
        assert f"{argument}=..." in markers


def test_actions_and_files_have_no_ini_key():
    without = {option.name for option in OPTIONS if option.ini is None}
    actions = {"update_baselines", "record_missing", "against", "topology", "in_process", "coordinator"}
    assert without == actions | {"json", "html", "markdown"}
