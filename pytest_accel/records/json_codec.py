"""Records to JSON and back, by their type hints. Standard library only: the worker process needs it too.

A frozen dataclass becomes an object, a tuple a list, an enum its value; a field of type ``Any`` stays as it
is. A class with a ``KIND`` has that in the object as ``kind``, which tells it from the others of a union.
Reading is strict: what does not fit its hint is a :class:`CodecError`, and so is a field that the record does
not have. Numbers that are not finite pass: a loss may be NaN on its way from a worker process. Files forbid
them (``baselines/file_format.py``).
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pytest_accel.records.user_error import UserError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")

_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    types.NoneType: "null",
}


class CodecError(UserError):
    """A value that does not fit. The message begins with its path: ``accepted[0].runs[1].losses[3]: ...``."""

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(f"{path or 'top level'}: {fault}")


def encode(value: object) -> Json:
    """``value`` as what :func:`json.dumps` takes. Raises CodecError for a type that JSON has no word for."""
    return _encode(value, "")


def decode(cls: type[T], data: object) -> T:
    """A ``cls`` from parsed JSON; absent fields take their defaults. Raises CodecError for a misfit."""
    return cast(T, _decode(cls, data, ""))


def _encode(value: object, path: str) -> Json:
    if isinstance(value, enum.Enum):
        return _encode(value.value, path)
    if isinstance(value, float):
        return float(value)  # NumPy's float64 is one too
    if value is None or isinstance(value, bool | int | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        kind = {"kind": value.KIND} if hasattr(value, "KIND") else {}
        return kind | {
            name: member if hints[name] is Any else _encode(member, _member(path, name))
            for name, member in fields.items()
        }
    if isinstance(value, Mapping):
        return {_key(key, path): _encode(member, _member(path, key)) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [_encode(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise CodecError(path, f"JSON has no form for {type(value).__name__}")


def _decode(hint: Any, data: Any, path: str) -> object:
    if hint is Any:
        return data
    if _is_union(hint):
        return _decode_union(hint, data, path)
    if not _fits(hint, data):
        raise CodecError(path, f"{_expected(hint)} expected, not {_shown(data)}")
    if hint is float:
        return _decode_float(data, path)
    if dataclasses.is_dataclass(hint):
        return _decode_record(hint, data, path)
    if typing.get_origin(hint) is tuple:
        return _decode_tuple(hint, data, path)
    if typing.get_origin(hint) is Mapping:
        of = typing.get_args(hint)[1]
        return {_key(key, path): _decode(of, member, _member(path, key)) for key, member in data.items()}
    return hint(data) if _is_enum(hint) else data


def _decode_union(hint: Any, data: Any, path: str) -> object:
    members = typing.get_args(hint)
    if type(data) in members:  # an integer stays one under int | float
        return data
    kinds = {member.KIND: member for member in members if hasattr(member, "KIND")}
    if isinstance(data, dict) and kinds:
        kind = data.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            where = _member(path, "kind")
            raise CodecError(where, f"one of {', '.join(kinds)} expected, not {_shown(kind)}")
        return _decode(kinds[kind], data, path)
    for member in members:
        if _fits(member, data):
            return _decode(member, data, path)
    raise CodecError(path, f"{_expected(hint)} expected, not {_shown(data)}")


def _decode_float(data: Any, path: str) -> float:
    try:
        return float(data)
    except OverflowError:
        raise CodecError(path, "too large a number") from None


def _decode_record(cls: Any, data: Any, path: str) -> object:
    hints = _hints(cls)
    fields = dataclasses.fields(cls)
    if hasattr(cls, "KIND"):
        if data.get("kind") != cls.KIND:
            raise CodecError(_member(path, "kind"), f'"{cls.KIND}" expected, not {_shown(data.get("kind"))}')
        data = {name: member for name, member in data.items() if name != "kind"}
    for name in data:
        if name not in {field.name for field in fields}:
            raise CodecError(_member(path, name), f"unknown field of {cls.__name__}")
    for field in fields:
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in data:
            raise CodecError(_member(path, field.name), "missing")
    return cls(**{name: _decode(hints[name], member, _member(path, name)) for name, member in data.items()})


def _decode_tuple(hint: Any, data: Any, path: str) -> tuple[object, ...]:
    of = typing.get_args(hint)
    if of[-1] is Ellipsis:
        of = (of[0],) * len(data)
    if len(of) != len(data):
        raise CodecError(path, f"{len(of)} items expected, not {len(data)}")
    return tuple(
        _decode(item_hint, item, f"{path}[{index}]")
        for index, (item_hint, item) in enumerate(zip(of, data, strict=True))
    )


def _fits(hint: Any, data: object) -> bool:
    """Whether the JSON type is right. By exact type, since a bool is not an int here; an int is a float."""
    if _is_enum(hint):
        return isinstance(data, str) and data in list(hint)
    if dataclasses.is_dataclass(hint) or typing.get_origin(hint) is Mapping:
        return isinstance(data, dict)
    if typing.get_origin(hint) is tuple:
        return isinstance(data, list)
    return type(data) is hint or (hint is float and type(data) is int)


def _expected(hint: Any) -> str:
    if _is_union(hint):
        return " or ".join(_expected(member) for member in typing.get_args(hint))
    if _is_enum(hint):
        return "one of " + ", ".join(hint)
    if typing.get_origin(hint) is tuple:
        return "a list"
    return _WORDS.get(hint, "an object")


def _shown(data: object) -> str:
    if isinstance(data, dict | list):
        return "an object" if isinstance(data, dict) else "a list"
    text = json.dumps(data, default=repr)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (types.UnionType, typing.Union)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, enum.StrEnum)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise CodecError(path, f"the key {key!r} is not a string")
    return key


def _member(path: str, name: object) -> str:
    return f"{path}.{name}" if path else f"{name}"


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)
