"""Resolve settings (marker > command line > ini file > default) and reject contradictory options.

Every side leaves None for "not given". Both the session that the user starts and its worker processes
resolve their settings here, so it needs pytest and the standard library only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_accel.api.options import CONDITIONS, OPTIONS, Option, positive_int
from pytest_accel.records import Kind

TOLERANCES = {Kind.CPU: 0.10, Kind.GPU: 0.02, Kind.TPU: 0.02}
"""Relative tolerance by kind where none is given; two shared cores vary far more than an accelerator."""

TOLERANCES_AGAINST = {**TOLERANCES, Kind.CPU: 0.025}
"""The same with ``--accel-against``: what disturbs a shared machine disturbs both sides."""


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one benchmark; times in seconds, ``tolerance`` relative.

    ``tolerance`` is None where the default of the accelerator's kind holds.
    """

    accel: str
    framework: str
    devices: int | None
    identity: str | None
    baselines: str
    tolerance: float | None
    strict: bool
    runs: int
    budget: float
    session_budget: float | None
    wait: float
    timeout: float
    price: float | str | None
    data: str | None
    update_baselines: bool
    record_missing: bool
    against: str | None
    topology: str | None
    coordinator: str | None
    trust_network: bool
    in_process: bool
    json: str | None
    html: str | None
    markdown: str | None
    kinds: tuple[Kind, ...] = ()
    min_devices: int = 1
    min_memory: int = 0

    @property
    def recording(self) -> bool:
        return self.update_baselines or self.record_missing

    @property
    def run_wait_s(self) -> float:
        """How long one run may wait: at most half of its time limit, so that no run ends by waiting alone."""
        return min(self.wait, self.timeout / 2)

    def tolerance_for(self, kind: Kind) -> float:
        if self.tolerance is not None:
            return self.tolerance
        return TOLERANCES[kind] if self.against is None else TOLERANCES_AGAINST[kind]


FORBIDDEN: tuple[tuple[Callable[[Settings, pytest.Config], bool], str], ...] = (
    (
        lambda settings, _: settings.update_baselines and settings.record_missing,
        "--accel-update-baselines already records missing baselines: drop --accel-record-missing, "
        "or drop --accel-update-baselines to leave existing ones as they are",
    ),
    (
        lambda settings, _: settings.against is not None and settings.update_baselines,
        "--accel-against compares with another environment and writes no baselines: drop it, or drop "
        "--accel-update-baselines",
    ),
    (
        lambda settings, _: settings.against is not None and settings.record_missing,
        "--accel-against compares with another environment and writes no baselines: drop it, or drop "
        "--accel-record-missing",
    ),
    (
        lambda settings, _: settings.against is not None and settings.in_process,
        "--accel-in-process runs in this process only: drop it, or drop --accel-against",
    ),
    (
        lambda settings, config: settings.topology is not None and accelerator_kind_given(config) != "tpu",
        "--accel-topology compiles for a TPU: add --accel=tpu, or drop --accel-topology",
    ),
    (
        lambda settings, _: settings.topology is not None and settings.against is not None,
        "--accel-topology runs nothing that could be compared in turns: drop --accel-against, and compare "
        "with baselines that the other environment recorded",
    ),
    (
        lambda settings, config: settings.topology is not None and config.getoption("accel_identity"),
        "--accel-topology keeps its baselines under the name of the topology: drop --accel-identity",
    ),
    (
        lambda settings, config: settings.topology is not None and config.getoption("accel_devices"),
        "--accel-topology compiles for all devices of the slice: drop --accel-devices",
    ),
    (
        lambda settings, _: settings.topology is not None and settings.in_process,
        "--accel-topology needs a process of its own for its compiler: drop --accel-in-process",
    ),
    (
        lambda settings, config: settings.topology is not None and (config.getoption("accel_runs") or 1) > 1,
        "--accel-topology compiles once, and the compiler would say the same again: drop --accel-runs",
    ),
    (
        lambda settings, _: settings.in_process and settings.update_baselines,
        "--accel-in-process writes no baselines: drop it, or drop --accel-update-baselines",
    ),
    (
        lambda settings, _: settings.in_process and settings.record_missing,
        "--accel-in-process writes no baselines: drop it, or drop --accel-record-missing",
    ),
    (
        lambda settings, config: settings.in_process and (config.getoption("accel_runs") or 1) > 1,
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


def memory_bytes(value: object) -> int:
    """A size such as "16GB" (10^9) or "16GiB" (2^30), in bytes. Raises pytest.UsageError for all else."""
    units = {"GB": 10**9, "GIB": 2**30, "MB": 10**6, "MIB": 2**20}
    pattern = r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([GM]i?B)\s*"
    match = re.fullmatch(pattern, str(value), re.ASCII | re.IGNORECASE)
    if not match:
        raise pytest.UsageError(
            f"{value!r} is not a size: give a number with GB, GiB, MB or MiB, such as 16GB"
        )
    return round(float(match[1]) * units[match[2].upper()])


def kinds(value: object) -> tuple[Kind, ...]:
    named = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if not named or not all(kind in list(Kind) for kind in named):
        raise pytest.UsageError(f"{value!r} is not a choice of kinds: give one or more of {', '.join(Kind)}")
    return tuple(Kind(kind) for kind in named)


_INI_WORDS = {"string": "text", "bool": "true or false", "int": "a whole number", "float": "a number"}

_PARSERS: dict[str, Callable[[object], Any]] = {
    **{option.name: option.parse for option in OPTIONS if option.marker},
    **dict(zip(CONDITIONS, (kinds, positive_int, memory_bytes), strict=True)),
}


def resolve(config: pytest.Config, marker: dict[str, Any]) -> Settings:
    """The settings for a test with these parsed marker arguments: marker > command line > ini > default.

    Raises pytest.UsageError for an ini value that cannot be read.
    """
    chosen = {}
    for option in OPTIONS:
        candidates = (marker.get(option.name), config.getoption(option.dest, None), _ini(config, option))
        chosen[option.name] = next((value for value in candidates if value is not None), option.default)
    if chosen["strict"] is None:
        chosen["strict"] = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if chosen["in_process"] or chosen["topology"]:
        # A lasting setting of the project does not stand in the way of debugging; compilers do not scatter.
        chosen["runs"] = 1
    conditions = {name: marker[name] for name in CONDITIONS if name in marker}
    return Settings(**chosen, **conditions)


def check_combination(config: pytest.Config, settings: Settings) -> None:
    """Raise pytest.UsageError for options that make no sense together."""
    for forbidden, message in FORBIDDEN:
        if forbidden(settings, config):
            raise pytest.UsageError(message)


def _ini(config: pytest.Config, option: Option) -> Any:
    if option.ini is None:
        return None
    overridden = any(
        override.startswith(f"{option.dest}=") for override in config.getoption("override_ini") or ()
    )
    where = f"{option.dest} {'given by -o' if overridden else f'in {config.inipath}'}"
    try:
        value = config.getini(option.dest)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{where} takes {_INI_WORDS[option.ini]}: {error}") from None
    try:
        return None if value is None else option.parse(value)
    except pytest.UsageError as error:
        raise pytest.UsageError(f"{where}: {error}") from None


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """The parsed arguments of all ``accel`` markers of a test, the closest first.

    Raises pytest.UsageError naming test and argument.
    """
    arguments: dict[str, Any] = {}
    for marker in item.iter_markers("accel"):
        if marker.args:
            raise pytest.UsageError(
                f"{item.nodeid}: @pytest.mark.accel takes keyword arguments only, such as tolerance='3%'"
            )
        for name, value in marker.kwargs.items():
            if name not in _PARSERS:
                known = ", ".join(_PARSERS)
                raise pytest.UsageError(
                    f"{item.nodeid}: @pytest.mark.accel has no argument {name!r}; it knows {known}"
                )
            try:
                arguments.setdefault(name, _PARSERS[name](value))
            except pytest.UsageError as error:
                raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.accel({name}=...): {error}") from None
    return arguments


def settings_for(item: pytest.Item) -> Settings:
    """The settings of one benchmark. Raises pytest.UsageError, see :func:`resolve`."""
    return resolve(item.config, marker_arguments(item))


def accelerator_kind(config: pytest.Config) -> Kind:
    """The kind of accelerator this session runs on; use it to choose parameters at collection.

    Needs no framework: what ``auto`` means is told by device nodes, NVML and the environment.
    """
    given = accelerator_kind_given(config)
    if given != "auto":
        return Kind(given)
    from pytest_accel import hardware

    return hardware.probe_kind()


def accelerator_kind_given(config: pytest.Config) -> str:
    """What was asked for, "auto" included."""
    return str(config.getoption("accel", None) or _ini(config, OPTIONS[0]) or "auto")


def baselines_folder(config: pytest.Config, settings: Settings) -> Path:
    """The folder of the baselines; a relative one counts from rootdir."""
    return config.rootpath / Path(settings.baselines).expanduser()
