"""What the parameters of a test are, as texts that any process writes in the same way. Standard library only.

A test's name need not tell: ``test_speed[config0]`` is the first of a set here and the last of it in another
process. Equal values have equal texts whatever the order of hashes, the folder of the checkout or the module
that a class has moved to.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import hashlib
import numbers
import types
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

LONGEST = 200
"""A text of more characters is cut, and ends with a hash of the whole."""

MAX_VALUES = 10_000
DEEPEST = 50
"""An argument with more values inside of it, or nested deeper, is known by its type only."""

_BY_REPR = (range, decimal.Decimal, fractions.Fraction, datetime.date, datetime.timedelta)
_NAMED = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
)
_TIME_ZONES = (types.NoneType, datetime.timezone, zoneinfo.ZoneInfo)


def of_item(item: pytest.Item) -> tuple[dict[str, str], tuple[str, ...]]:
    """Those of a test, as :func:`described` has them; nothing for one that is not parametrized."""
    params = getattr(getattr(item, "callspec", None), "params", None)
    return described(params, item.config.rootpath) if isinstance(params, dict) else ({}, ())


def described(
    params: Mapping[str, object], folder: PurePath | None = None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The text of each argument, and the names of those that are known by a type only, wholly or in part.

    Paths below ``folder`` are written relative to it. Never raises, and asks no object of an unknown type for
    its text.
    """
    texts, by_type_only = {}, []
    for name, value in params.items():
        description = _Description(folder)
        try:
            text = description.of(value)
        except Exception:  # too large, or user code behind a field raised
            description.complete, text = False, _type_name(type(value))
        texts[name] = _cut(text)
        if not description.complete:
            by_type_only.append(name)
    return texts, tuple(by_type_only)


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """One phrase an argument whose text differs ("parameter batch 8 -> 16"), sorted by name."""
    return tuple(
        f"parameter {name} {before.get(name, '(absent)')} -> {now.get(name, '(absent)')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )


class _TooMuch(Exception):
    pass


class _Description:
    """Writes one argument. ``complete`` is False once something in it is known by its type only."""

    def __init__(self, folder: PurePath | None) -> None:
        self.complete = True
        self._folder = folder
        self._values = 0
        self._within: list[int] = []  # ids of what contains the value that is being written

    def of(self, value: object) -> str:
        self._values += 1
        if self._values > MAX_VALUES or len(self._within) > DEEPEST:
            raise _TooMuch
        if id(value) in self._within:
            return "..."
        self._within.append(id(value))
        text = self._plain(value) or self._composed(value)
        self._within.pop()
        return text or self._unknown(value)

    def _unknown(self, value: object) -> str:
        self.complete = False
        return _type_name(type(value))

    # A type derived from a known one may have methods of its own, so it is the known type's that are called.

    def _plain(self, value: Any) -> str | None:
        cls = type(value)
        if issubclass(cls, enum.Enum):
            return self._enumerated(value)
        if value is None or cls is bool:
            return repr(value)
        for known in (int, float, complex, str, bytes):
            if issubclass(cls, known):
                return known.__repr__(value)
        if _is_one_of(cls, _BY_REPR):
            return repr(value)
        if issubclass(cls, type):
            return _type_name(value)
        if _is_one_of(cls, _NAMED):
            return self._function(value)
        if issubclass(cls, PurePath) and cls.__module__.partition(".")[0] == "pathlib":
            return self._path(value)
        if cls is datetime.datetime or cls is datetime.time:
            return self._time(value)
        return _number(value)

    def _enumerated(self, member: enum.Enum) -> str:
        cls = _type_name(type(member))
        name = vars(member)["_name_"]  # None for some combinations of flags
        return f"{cls}.{name}" if name is not None else f"{cls}({self.of(vars(member)['_value_'])})"

    def _function(self, function: Any) -> str:
        """All lambdas go by one name, so they are known by their type only."""
        name = str(function.__qualname__)
        return self._unknown(function) if "<lambda>" in name else name

    def _path(self, path: PurePath) -> str:
        if self._folder is not None and path.is_relative_to(self._folder):
            path = path.relative_to(self._folder)
        return repr(path)

    def _time(self, time: datetime.datetime | datetime.time) -> str:
        if _is_one_of(type(time.tzinfo), _TIME_ZONES):
            return repr(time)
        return f"{time.replace(tzinfo=None)!r} in {self.of(time.tzinfo)}"

    def _composed(self, value: Any) -> str | None:
        cls = type(value)
        if cls is slice:
            return f"slice({self._listed((value.start, value.stop, value.step))})"
        if dataclasses.is_dataclass(cls):
            return self._with_fields(cls, _compared_fields(value))
        if issubclass(cls, tuple) and "_fields" in vars(cls):
            return self._with_fields(cls, zip(vars(cls)["_fields"], tuple.__iter__(value), strict=True))
        if issubclass(cls, list):
            return _named(cls, list, f"[{self._listed(list.__iter__(value))}]")
        if issubclass(cls, tuple):
            return _named(cls, tuple, f"({self._listed(tuple.__iter__(value))})")
        if issubclass(cls, set):
            return _named(cls, set, self._sorted(set.__iter__(value)))
        if issubclass(cls, frozenset):
            return _named(cls, set, self._sorted(frozenset.__iter__(value)))
        if issubclass(cls, dict):
            return _named(cls, dict, self._sorted_items(dict.items(value)))
        return None

    def _with_fields(self, cls: type, fields: Iterable[tuple[str, object]]) -> str:
        members = (f"{name}={_cut(self.of(member))}" for name, member in fields)
        return f"{_type_name(cls)}({', '.join(members)})"

    def _listed(self, values: Iterable[object]) -> str:
        return ", ".join(_cut(self.of(value)) for value in values)

    def _sorted(self, values: Iterable[object]) -> str:
        return f"{{{', '.join(sorted(_cut(self.of(value)) for value in values))}}}"

    def _sorted_items(self, items: Iterable[tuple[object, object]]) -> str:
        texts = sorted((_cut(self.of(key)), _cut(self.of(value))) for key, value in items)
        return f"{{{', '.join(f'{key}: {value}' for key, value in texts)}}}"


def _type_name(cls: type) -> str:
    """Without asking its metaclass, which may be the user's own."""
    return str(type.__dict__["__qualname__"].__get__(cls))


def _is_one_of(cls: type, known: tuple[type, ...]) -> bool:
    return any(cls is one for one in known)


def _number(value: Any) -> str | None:
    """Of a type that says that it is a number, as NumPy's are."""
    if issubclass(type(value), numbers.Integral):
        return int.__repr__(int(value))
    return float.__repr__(float(value)) if issubclass(type(value), numbers.Real) else None


def _named(cls: type, plain: type, text: str) -> str:
    """With the name of the type, unless it is the one that is written so."""
    return text if cls is plain else f"{_type_name(cls)}({text})"


def _compared_fields(value: Any) -> Iterator[tuple[str, object]]:
    """Those fields of a dataclass that make two of them equal, as far as they are set."""
    for field in dataclasses.fields(type(value)):
        if field.compare:
            try:
                attribute = object.__getattribute__(value, field.name)
            except AttributeError:
                continue
            yield field.name, attribute


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[:LONGEST]}... (sha256 {digest})"
