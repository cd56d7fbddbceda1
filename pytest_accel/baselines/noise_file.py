"""The file beside the baselines of a machine that says how much unchanged benchmarks vary on it."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from pytest_accel.baselines.errors import BrokenBaseline, OtherSchema, StoreError, store_error
from pytest_accel.records import Kind, files
from pytest_accel.records.json_codec import CodecError, decode, encode
from pytest_accel.records.noise import MachineNoise, Sitting

NAME = "noise.json"
NOISE_SCHEMA = 1
_WAY_OUT = "Restore it from version control, or delete it and call pytest-accel calibrate again."


def load(path: Path) -> MachineNoise | None:
    """What was seen, or None without a file. Raises BrokenBaseline and StoreError, which name the file."""
    try:
        data = json.loads(files.read(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise store_error("read", path, error) from error
    except (ValueError, RecursionError) as error:
        raise BrokenBaseline(f"{path}: {error}. {_WAY_OUT}") from None
    schema = data.pop("schema", None) if isinstance(data, dict) else None
    if schema != NOISE_SCHEMA:
        raise OtherSchema(f"{path}: schema {schema!r}, and this version reads {NOISE_SCHEMA}. {_WAY_OUT}")
    try:
        noise = decode(MachineNoise, data)
        _check(noise)
    except CodecError as error:
        raise BrokenBaseline(f"{path}: {error}. {_WAY_OUT}") from None
    return noise


def append(path: Path, kind: Kind, sitting: Sitting) -> MachineNoise:
    """Add a sitting to the file, and return all of them. Raises as ``load`` does."""
    stored = load(path)
    if stored is not None and stored.accelerator is not kind:
        raise BrokenBaseline(f"{path}: accelerator: {stored.accelerator}, and this is a {kind}. {_WAY_OUT}")
    sittings = () if stored is None else stored.sittings
    noise = MachineNoise(kind, (*sittings, sitting))
    try:
        _check(noise)
    except CodecError as error:
        raise StoreError(f"cannot write {path}: {error}. Nothing was written; calibrate again.") from None
    data = {"schema": NOISE_SCHEMA, **_rounded(noise)}
    try:
        files.replace(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise store_error("write", path, error) from error
    return noise


def _check(noise: MachineNoise) -> None:
    for index, sitting in enumerate(noise.sittings):
        for name, least in (("sessions", 0.0), ("pairs", -math.inf)):
            for number, session in enumerate(getattr(sitting, name)):
                for benchmark, values in session.items():
                    if not all(math.isfinite(value) and value > least for value in values):
                        raise CodecError(
                            f"sittings[{index}].{name}[{number}].{benchmark}", "a number that is none"
                        )


def _rounded(noise: MachineNoise) -> dict[str, object]:
    """Six digits are more than any of these numbers is worth."""

    def rounded(session: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        return {name: tuple(float(f"{value:.6g}") for value in values) for name, values in session.items()}

    sittings = tuple(
        dataclasses.replace(
            sitting,
            sessions=tuple(rounded(dict(session)) for session in sitting.sessions),
            pairs=tuple(rounded(dict(session)) for session in sitting.pairs),
        )
        for sitting in noise.sittings
    )
    encoded = encode(MachineNoise(noise.accelerator, sittings))
    assert isinstance(encoded, dict)
    return dict(encoded)
