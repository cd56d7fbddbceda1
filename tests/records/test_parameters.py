"""Texts of parameters: equal values have equal ones in any process, and no object of a user breaks them."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import os
import re
import subprocess
import sys
import typing
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.records.parameters import DEEPEST, LONGEST, MAX_VALUES, described, differing


class Colour(enum.Enum):
    RED = 1


class Size(enum.IntFlag):
    SMALL = 1
    LARGE = 2


class Point(typing.NamedTuple):
    x: int
    y: float


class Names(str):
    def __repr__(self):
        raise AssertionError("nobody's business")


@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    work: int = 5
    cache: object = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass
class Late:
    known: int
    later: int = dataclasses.field(init=False)


class Model:
    def run(self):
        pass

    __repr__ = __str__ = __eq__ = __hash__ = None


def text(value):
    texts, _ = described({"value": value})
    return texts["value"]


def is_known(value):
    _, by_type_only = described({"value": value})
    return by_type_only == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        (True, "True"),
        (1, "1"),
        (0.1, "0.1"),
        (1j, "1j"),
        ("small", "'small'"),
        (b"x", "b'x'"),
        (Names("a"), "'a'"),
        (np.float64(0.1), "0.1"),
        (np.int32(8), "8"),
        (Colour.RED, "Colour.RED"),
        (Size.SMALL | Size.LARGE, "Size.SMALL|LARGE"),
        ([1, (2.0, "a"), {3}], "[1, (2.0, 'a'), {3}]"),
        (frozenset({"b", "a"}), "frozenset({'a', 'b'})"),
        ({"b": 1, "a": [2]}, "{'a': [2], 'b': 1}"),
        (Point(1, 2.5), "Point(x=1, y=2.5)"),
        (Config("small"), "Config(name='small', work=5)"),
        (Late(1), "Late(known=1)"),
        (PurePosixPath("data/small"), "PurePosixPath('data/small')"),
        (range(3), "range(0, 3)"),
        (slice(1, None), "slice(1, None, None)"),
        (decimal.Decimal("0.10"), "Decimal('0.10')"),
        (fractions.Fraction(1, 3), "Fraction(1, 3)"),
        (datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
        (
            datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
            "datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)",
        ),
        (Model, "Model"),
        (Model.run, "Model.run"),
        (Model().run, "Model.run"),
        (np.float32, "float32"),
        (len, "len"),
    ],
)
def test_what_is_known_is_told_in_full(value, expected):
    assert text(value) == expected
    assert is_known(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Model(), "Model"),
        ([1, Model()], "[1, Model]"),
        (lambda: 1, "function"),
        (functools.partial(len), "partial"),
        (np.zeros(3), "ndarray"),
        (Config(Model()), "Config(name=Model, work=5)"),
    ],
)
def test_of_all_else_only_the_type_is_told(value, expected):
    assert text(value) == expected
    assert not is_known(value)


def test_arguments_known_by_type_only_are_named():
    texts, by_type_only = described({"batch": 8, "model": Model(), "models": [Model()]})
    assert texts == {"batch": "8", "model": "Model", "models": "[Model]"}
    assert by_type_only == ("model", "models")


def test_what_contains_itself_comes_to_an_end():
    loop: list[object] = [1]
    loop += [loop, {"again": loop}]
    assert text(loop) == "[1, ..., {'again': ...}]"
    assert is_known(loop)


def test_what_is_too_large_is_known_by_its_type():
    deep: list[object] = []
    for _ in range(DEEPEST + 1):
        deep = [deep]
    broad: list[object] = [1]
    for _ in range(60):  # 2^60 values, by reference
        broad = [broad, broad]
    for value in (deep, broad, [0] * MAX_VALUES, 10**5000):
        assert text(value) == type(value).__name__
        assert not is_known(value)


def test_user_code_that_raises_is_kept_out():
    class Failing:
        def __getattribute__(self, name):
            raise RuntimeError

    @dataclasses.dataclass
    class Holding:
        field: object

        def __getattribute__(self, name):
            raise RuntimeError

    assert text(Failing()).endswith("Failing")
    assert text(Holding(1)).endswith("Holding(field=1)")


def test_a_long_text_is_cut_and_still_tells_two_apart():
    one, other = text("x" * 1000 + "a"), text("x" * 1000 + "b")
    assert one != other
    assert re.fullmatch(r"'x{199}\.\.\. \(sha256 [0-9a-f]{12}\)", one)
    assert text("x" * (LONGEST - 2)) == repr("x" * (LONGEST - 2))


def test_paths_in_the_project_are_told_from_there():
    for checkout in (Path("/home/me/project"), Path("/builds/17")):
        inside, outside = checkout / "data/small.npz", Path("/data/imagenet")
        texts, _ = described({"inside": [inside], "outside": outside}, checkout)
        assert texts == {"inside": "[PosixPath('data/small.npz')]", "outside": "PosixPath('/data/imagenet')"}


IN_ANOTHER_PROCESS = """
import dataclasses, enum
from pytest_accel.records.parameters import described

@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    sizes: frozenset

names = {"small", "large", "huge"}
configs = {Config(name, frozenset(names)) for name in names}
by_config = {config: [names, config.name] for config in configs}
print(described({"configs": configs, "by_config": by_config, "kinds": {int, str, float}}))
"""


def test_equal_values_have_equal_texts_whatever_the_order_of_hashes():
    answers = {
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(answers) == 1
    assert "Config(name='huge', sizes=frozenset({'huge', 'large', 'small'}))" in answers.pop()


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object)
hashable = st.recursive(
    plain.filter(lambda value: type(value) is not object), lambda inner: st.tuples(inner, inner)
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner) | st.dictionaries(hashable, inner) | st.sets(hashable) | st.builds(Config, inner)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), values))
def test_every_value_has_a_text_that_a_line_holds(params):
    texts, by_type_only = described(params)
    assert texts.keys() == params.keys()
    assert set(by_type_only) <= params.keys()
    for text in texts.values():
        assert text
        assert len(text) <= LONGEST + 30
        assert text.isprintable()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers() | st.text(), st.integers() | st.text()), st.randoms())
def test_the_order_of_a_dict_is_not_told(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert text(dict(items)) == text(value)


def test_each_difference_is_a_phrase():
    before, now = (
        {"batch": "8", "dtype": "'bf16'", "gone": "1"},
        {"batch": "16", "dtype": "'bf16'", "new": "2"},
    )
    assert differing(before, now) == (
        "parameter batch 8 -> 16",
        "parameter gone 1 -> (absent)",
        "parameter new (absent) -> 2",
    )
    assert differing(before, dict(before)) == ()
