"""The one table of options, ini keys and marker arguments, and the combinations that make no sense.

An option is looked for in the marker, then on the command line, then in the ini file; then its default
holds. Every side leaves None for "not given". Both the session that the user starts and its child
processes read this table, so it needs pytest and the standard library only.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_accel import frameworks
from pytest_accel.records import Kind

TOLERANCES = {Kind.CPU: 0.10, Kind.GPU: 0.02, Kind.TPU: 0.02}
"""Relative tolerance by kind where none is given; two shared cores vary far more than an accelerator."""


def percentage(value: object) -> float:
    """A tolerance such as "2%" or "2.5 %" as a fraction. Raises ValueError for all else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", str(value), re.ASCII)
    fraction = float(match[1]) / 100 if match else math.nan
    if not 0 < fraction < 1:
        raise ValueError(f"{value!r} is not a tolerance: give a percentage between 0% and 100%, such as 2%")
    return fraction


def positive_int(value: object) -> int:
    """A whole number from 1. Raises ValueError for all else."""
    if isinstance(value, bool) or not re.fullmatch(r"\s*\+?0*[1-9]\d{0,8}\s*", str(value), re.ASCII):
        raise ValueError(f"{value!r} is not a whole number of 1 or more")
    return int(str(value))


def seconds(value: object) -> float:
    """A time above zero, in seconds. Raises ValueError for all else."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{value!r} is not a time: give seconds above 0, such as 60")
    return number


def memory_bytes(value: object) -> int:
    """A size such as "16GB" (10^9) or "16GiB" (2^30), in bytes. Raises ValueError for all else."""
    units = {"GB": 10**9, "GIB": 2**30, "MB": 10**6, "MIB": 2**20}
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([GM]i?B)\s*", str(value), re.ASCII | re.IGNORECASE)
    if not match:
        raise ValueError(f"{value!r} is not a size: give a number with GB, GiB, MB or MiB, such as 16GB")
    return int(float(match[1]) * units[match[2].upper()])


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return parse


def _kinds(value: object) -> tuple[Kind, ...]:
    named = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if not named or not all(kind in list(Kind) for kind in named):
        raise ValueError(f"{value!r} is not a choice of kinds: give one or more of {', '.join(Kind)}")
    return tuple(Kind(kind) for kind in named)


def _text(value: object) -> str:
    if not str(value).strip():
        raise ValueError("it is empty")
    return str(value)


@dataclass(frozen=True)
class Option:
    """One setting: where it may be given, how it is read, and what it is if it is not given.

    ``ini`` is the type of its ini key, None for actions and files, which are command line only. ``switch``
    marks an option without a value.
    """

    name: str
    help: str
    parse: Callable[[object], Any]
    default: Any = None
    metavar: str | None = None
    ini: Literal["string", "bool", "int", "float"] | None = None
    switch: bool = False
    marker: bool = False

    @property
    def flag(self) -> str:
        return "--accel" if self.name == "accel" else f"--accel-{self.name.replace('_', '-')}"

    @property
    def dest(self) -> str:
        """Its name in pytest's options and in the ini file."""
        return "accel" if self.name == "accel" else f"accel_{self.name}"


# fmt: off
OPTIONS = (
    Option("accel", "accelerator to run on: auto (default), cpu, gpu or tpu",
           _one_of("auto", *Kind), "auto", "KIND", ini="string"),
    Option("framework", f"framework under test for shipped workloads: {', '.join(frameworks.NAMES)}",
           _one_of(*frameworks.NAMES), frameworks.NAMES[0], "NAME", ini="string", marker=True),
    Option("identity", "hardware identity to file baselines under (default: detected)",
           _text, None, "NAME", ini="string"),
    Option("baselines", "folder of the baselines, relative to rootdir (default: baselines)",
           _text, "baselines", "DIR", ini="string"),
    Option("tolerance", "a slowdown up to this does not matter (default: 2%% on gpu and tpu, 10%% on cpu)",
           percentage, None, "PERCENT", ini="string", marker=True),
    Option("strict", "fail every outcome that is not a proven pass (default: on when CI is set)",
           bool, None, ini="bool", switch=True),
    Option("runs", "fresh processes a benchmark (default: 1; at least 3 are advised for recording)",
           positive_int, 1, "N", ini="int"),
    Option("budget", "most seconds of steady-state steps a benchmark may spend (default: 60)",
           seconds, 60.0, "SECONDS", ini="float", marker=True),
    Option("timeout", "wall-clock end of one run, in seconds (default: 1800)",
           seconds, 1800.0, "SECONDS", ini="float"),
    Option("update_baselines", "accept this session's observations as the new baselines",
           bool, False, switch=True),
    Option("record_missing", "record only benchmarks that have no baseline yet",
           bool, False, switch=True),
    Option("in_process", "debugging: run benchmarks in this process (--pdb works); writes no baselines",
           bool, False, switch=True),
    Option("json", "write a JSON report to FILE", _text, None, "FILE"),
)
# fmt: on

MARKER_ONLY: dict[str, Callable[[object], Any]] = {
    "kinds": _kinds,
    "min_devices": positive_int,
    "min_memory": memory_bytes,
}
MARKER_ARGUMENTS = {option.name: option.parse for option in OPTIONS if option.marker} | MARKER_ONLY
MARKER_HELP = (
    f"accel({', '.join(f'{name}=...' for name in MARKER_ARGUMENTS)}): settings of one benchmark, "
    "and what the hardware must offer for it to run"
)


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one benchmark; times in seconds, ``tolerance`` relative.

    ``tolerance`` is None where the default of the accelerator's kind holds.
    """

    accel: str
    framework: str
    identity: str | None
    baselines: str
    tolerance: float | None
    strict: bool
    runs: int
    budget: float
    timeout: float
    update_baselines: bool
    record_missing: bool
    in_process: bool
    json: str | None
    kinds: tuple[Kind, ...] = ()
    min_devices: int = 1
    min_memory: int = 0

    @property
    def recording(self) -> bool:
        return self.update_baselines or self.record_missing

    def tolerance_for(self, kind: Kind) -> float:
        return TOLERANCES[kind] if self.tolerance is None else self.tolerance


FORBIDDEN: tuple[tuple[Callable[[Settings, pytest.Config], bool], str], ...] = (
    (
        lambda settings, _: settings.update_baselines and settings.record_missing,
        "--accel-update-baselines already records missing baselines: drop --accel-record-missing, "
        "or drop --accel-update-baselines to leave existing ones as they are",
    ),
    (
        lambda settings, _: settings.in_process and settings.recording,
        "--accel-in-process writes no baselines: drop it, or drop --accel-update-baselines and "
        "--accel-record-missing",
    ),
    (
        lambda settings, _: settings.in_process and settings.runs > 1,
        "--accel-in-process makes one run, in this process: drop it, or set --accel-runs=1",
    ),
    (
        lambda settings, config: bool(config.getoption("usepdb", False)) and not settings.in_process,
        "--pdb cannot reach into the process a benchmark runs in: add --accel-in-process, or drop --pdb",
    ),
    (
        lambda settings, config: bool(config.getoption("trace", False)) and not settings.in_process,
        "--trace cannot reach into the process a benchmark runs in: add --accel-in-process, or drop --trace",
    ),
)


def register(parser: pytest.Parser) -> None:
    """Add every option and ini key of the table to pytest's parser."""
    group = parser.getgroup("accel", "performance regression tests on accelerators")
    for option in OPTIONS:
        if option.switch:
            group.addoption(
                option.flag, action="store_true", default=None, dest=option.dest, help=option.help
            )
        else:
            group.addoption(
                option.flag, type=_argument(option), default=None, dest=option.dest,
                metavar=option.metavar, help=option.help,
            )  # fmt: skip
        if option.ini:
            parser.addini(option.dest, option.help.replace("%%", "%"), type=option.ini, default=None)
    group.addoption(
        "--no-accel-strict", action="store_false", default=None, dest="accel_strict",
        help="let inconclusive benchmarks and those without a baseline pass, shown",
    )  # fmt: skip


def _argument(option: Option) -> Callable[[str], Any]:
    """The parser of an option as argparse wants it, which prints the message of this exception only."""

    def parse(value: str) -> Any:
        try:
            return option.parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def resolve(config: pytest.Config, marker: dict[str, Any]) -> Settings:
    """The settings for a test with these parsed marker arguments: marker > command line > ini > default.

    Raises pytest.UsageError for an ini value that cannot be read and for a forbidden combination.
    """
    chosen = {}
    for option in OPTIONS:
        candidates = (marker.get(option.name), config.getoption(option.dest, None), _ini(config, option))
        chosen[option.name] = next((value for value in candidates if value is not None), option.default)
    if chosen["strict"] is None:
        chosen["strict"] = bool(os.environ.get("CI"))
    conditions = {name: marker[name] for name in MARKER_ONLY if name in marker}
    settings = Settings(**chosen, **conditions)
    for forbidden, message in FORBIDDEN:
        if forbidden(settings, config):
            raise pytest.UsageError(message)
    return settings


def _ini(config: pytest.Config, option: Option) -> Any:
    if option.ini is None:
        return None
    try:
        value = config.getini(option.dest)
        return None if value is None else option.parse(value)
    except (TypeError, ValueError) as error:
        source = config.inipath or "the command line (-o)"
        raise pytest.UsageError(f"{option.dest} in {source}: {error}") from None


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """The parsed arguments of all ``accel`` markers of a test, the closest first.

    Raises pytest.UsageError naming test and argument.
    """
    arguments: dict[str, Any] = {}
    for marker in item.iter_markers("accel"):
        if marker.args:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.accel takes keyword arguments only")
        for name, value in marker.kwargs.items():
            if name not in MARKER_ARGUMENTS:
                known = ", ".join(MARKER_ARGUMENTS)
                raise pytest.UsageError(
                    f"{item.nodeid}: @pytest.mark.accel has no argument {name!r}; it knows {known}"
                )
            try:
                arguments.setdefault(name, MARKER_ARGUMENTS[name](value))
            except ValueError as error:
                raise pytest.UsageError(
                    f"{item.nodeid}: @pytest.mark.accel({name}=...): {error}"
                ) from None
    return arguments


def for_item(item: pytest.Item) -> Settings:
    """The settings of one benchmark. Raises pytest.UsageError, see :func:`resolve`."""
    return resolve(item.config, marker_arguments(item))


def kind(config: pytest.Config) -> Kind:
    """The kind of accelerator this session runs on; use it to choose parameters at collection.

    Needs no framework: what ``auto`` means is told by device nodes, NVML and the environment.
    """
    given = config.getoption("accel", None) or _ini(config, OPTIONS[0]) or "auto"
    if given != "auto":
        return Kind(given)
    from pytest_accel import hardware

    return hardware.probe_kind()


def baselines_folder(config: pytest.Config, settings: Settings) -> Path:
    """The folder of the baselines; a relative one counts from rootdir."""
    return config.rootpath / Path(settings.baselines).expanduser()
