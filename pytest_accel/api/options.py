"""The one table of options, ini keys and marker arguments; ``settings`` resolves what was given.

Every session of every project pays for importing this file, so it imports nothing heavy.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from pytest_accel import frameworks


def percentage(value: object) -> float:
    """A tolerance such as "2%" or "2.5%" as a fraction. Raises pytest.UsageError for all else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", str(value), re.ASCII)
    fraction = float(match[1]) / 100 if match else math.nan
    if not 0 < fraction < 1:
        raise pytest.UsageError(
            f"{value!r} is not a tolerance: give a percentage between 0% and 100%, such as 2%"
        )
    return fraction


def positive_int(value: object) -> int:
    """A whole number from 1. Raises pytest.UsageError for all else."""
    if isinstance(value, bool) or not re.fullmatch(r"\s*\+?0*[1-9]\d{0,8}\s*", str(value), re.ASCII):
        raise pytest.UsageError(f"{value!r} is not a whole number from 1 to 999999999")
    return int(str(value))


def seconds(value: object) -> float:
    """A time above zero, in seconds. Raises pytest.UsageError for all else."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise pytest.UsageError(f"{value!r} is not a time: give seconds above 0, such as 60")
    return number


def seconds_or_none(value: object) -> float:
    """A time in seconds, or 0. Raises pytest.UsageError for all else."""
    if not isinstance(value, bool) and re.fullmatch(r"\s*\+?0+(\.0*)?\s*", str(value), re.ASCII):
        return 0.0
    try:
        return seconds(value)
    except pytest.UsageError:
        raise pytest.UsageError(f"{value!r} is not a time: give seconds from 0, such as 60") from None


def price(value: object) -> float | str:
    """USD an hour, or a name to be looked up in the price book. Raises pytest.UsageError for all else."""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return _text(value).strip()
    if isinstance(value, bool) or not 1e-6 <= number <= 1e9:
        raise pytest.UsageError(
            f"{value!r} is not a price: give USD an hour from 0.000001 to 10**9, such as 6.70, or a name"
        )
    return number


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise pytest.UsageError(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return parse


def _text(value: object) -> str:
    if not str(value).strip():
        raise pytest.UsageError("must not be empty")
    return str(value)


def _folder(value: object) -> str:
    return os.path.expanduser(_text(value))  # noqa: PTH111, pathlib would take a slash of gs:// away


@dataclass(frozen=True)
class Option:
    """One setting: where it may be given, how it is read, and what it is if it is not given.

    ``ini`` is the type of its ini key, None for actions and files, which are command line only. ``switch``
    marks an option without a value, ``report`` one that names a report for the session to write.
    """

    name: str
    help: str
    parse: Callable[[object], Any]
    default: Any = None
    metavar: str | None = None
    ini: Literal["string", "bool", "int", "float"] | None = None
    switch: bool = False
    marker: bool = False
    report: bool = False

    @property
    def flag(self) -> str:
        return "--accel" if self.name == "accel" else f"--accel-{self.name.replace('_', '-')}"

    @property
    def dest(self) -> str:
        """Its name in pytest's options and in the ini file."""
        return "accel" if self.name == "accel" else f"accel_{self.name}"


# fmt: off
OPTIONS = (
    Option("accel", "device type to benchmark: auto, cpu, gpu or tpu (default: auto, which takes a TPU if "
           "there is one, then a GPU, then the CPU)",
           _one_of("auto", "cpu", "gpu", "tpu"), "auto", "KIND", ini="string"),
    Option("framework", f"framework of the built-in workloads: {' or '.join(frameworks.BUILT_IN)} "
           f"(default: {frameworks.DEFAULT})",
           _one_of(*frameworks.BUILT_IN), frameworks.DEFAULT, "NAME", ini="string", marker=True),
    Option("devices", "number of devices to train on: the first N GPUs, or N virtual CPU devices "
           "(default: all GPUs or TPU cores; 1 on a CPU)",
           positive_int, None, "N", ini="int"),
    Option("identity", "hardware name, used as the directory of its baselines, such as ci-pool "
           "(default: detected)",
           _text, None, "NAME", ini="string"),
    Option("baselines", "directory of the baselines, relative to rootdir (default: baselines)",
           _text, "baselines", "DIR", ini="string"),
    Option("tolerance", "largest slowdown to accept (default: 2%% on a GPU or TPU; 10%% on a CPU, or 2.5%% "
           "with --accel-against)",
           percentage, None, "PERCENT", ini="string", marker=True),
    Option("strict", "also fail inconclusive benchmarks and missing baselines (default: on if CI is set)",
           bool, None, ini="bool", switch=True),
    Option("runs", "number of processes to run per benchmark (default: 1; use 3 or more to record "
           "baselines); with --accel-against the minimum number of pairs",
           positive_int, 1, "N", ini="int"),
    Option("budget", "time limit for measured steps, in seconds, per benchmark and environment; excludes "
           "start-up, compilation and warm-up (default: 60)",
           seconds, 60.0, "SECONDS", ini="float", marker=True),
    Option("session_budget", "time limit for all benchmarks of a session, in seconds (default: none); those "
           "that do not fit are inconclusive",
           seconds, None, "SECONDS", ini="float"),
    Option("wait", "how long a run on a CPU may wait for a quiet machine, in seconds, beside the budget "
           "(default: 60); with 0, a busy machine is measured and recorded as it is",
           seconds_or_none, 60.0, "SECONDS", ini="float"),
    Option("timeout", "end a run after SECONDS (default: 1800)",
           seconds, 1800.0, "SECONDS", ini="float"),
    Option("price", "machine price for cost metrics: USD per hour, or a name from the built-in price list",
           price, None, "USD_PER_HOUR|NAME", ini="string"),
    Option("data", "directory of training data, such as the TFRecords of ImageNet (local or gs://)",
           _folder, None, "DIR", ini="string"),
    Option("update_baselines", "save this session's results as the new baselines",
           bool, False, switch=True),
    Option("record_missing", "save baselines for benchmarks that have none; compare the rest",
           bool, False, switch=True),
    Option("against", "compare side by side with another Python environment, given as an interpreter, the "
           "directory of a virtual environment, or a command that starts Python", _text, None, "PYTHON"),
    Option("topology", "compile only, for a TPU that need not be present: v2-8, v3-8, v4-8, v5litepod-4, "
           "v5p-8, v6e-4 or larger (requires --accel=tpu)",
           _text, None, "NAME"),
    Option("coordinator", "multi-host: address where host 0 accepts the other hosts (default: one port below "
           "the framework's coordinator port)",
           _text, None, "HOST:PORT"),
    Option("trust_network", "multi-host: let hosts meet without a token, in a network of your own",
           bool, False, ini="bool", switch=True),
    Option("in_process", "run benchmarks in the pytest process, for debugging with --pdb; saves no baselines",
           bool, False, switch=True),
    Option("json", "write a JSON report to FILE", _text, None, "FILE", report=True),
    Option("html", 'write an HTML page with plots to FILE (needs pip install "pytest-accel[report]")',
           _text, None, "FILE", report=True),
    Option("markdown", "write a Markdown report to FILE, for example for a comment on a pull request",
           _text, None, "FILE", report=True),
)
# fmt: on

CONDITIONS = ("kinds", "min_devices", "min_memory")
"""Marker arguments beside the options: what the hardware must offer for a benchmark to run."""

MARKER_ARGUMENTS = (*(option.name for option in OPTIONS if option.marker), *CONDITIONS)
MARKER_HELP = (
    f"accel({', '.join(f'{name}=...' for name in MARKER_ARGUMENTS)}): settings and hardware "
    "requirements of one benchmark"
)


def register(parser: pytest.Parser) -> None:
    """Add every option and ini key of the table to pytest's parser."""
    group = parser.getgroup("accel", "pytest-accel: performance regression tests of training")
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
    parser.addini(
        "accel_withhold", "other plugins' options that worker processes should not receive", type="args"
    )
    group.addoption(
        "--no-accel-strict", action="store_false", default=None, dest="accel_strict",
        help="do not fail on inconclusive benchmarks or missing baselines, even in CI",
    )  # fmt: skip


def _argument(option: Option) -> Callable[[str], Any]:
    """Return the parser of an option as argparse wants it: it prints the message of this exception only."""

    def parse(value: str) -> Any:
        try:
            return option.parse(value)
        except pytest.UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse
