"""What the commands on baselines share: which ones are meant, and how numbers and versions are shown."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from pytest_accel.analysis.formatting import label, one_line, quantity
from pytest_accel.analysis.provenance_diff import FRAMEWORKS
from pytest_accel.baselines.catalog import Stored, load_all
from pytest_accel.cli import DIFFERS
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.table import METRICS_WITHOUT_COMPARISON


def add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", help="test node id, or any part of it; every match is shown")
    parser.add_argument(
        "--hardware",
        metavar="NAME",
        help="only this hardware (the name of its directory under the baselines)",
    )


def chosen(options: argparse.Namespace) -> tuple[list[Stored], list[str]]:
    """The baselines that are meant, and what is wrong with files that cannot be read.

    Raises UserError where there is none.
    """
    stored, faults = load_all(options.baselines)
    if options.hardware is not None and options.hardware not in {one.hardware for one in stored}:
        there = one_line(", ".join(sorted({one.hardware for one in stored}))) or "none"
        raise UserError(f"no baselines of the hardware {options.hardware!r} in {options.baselines}: {there}")
    of_hardware = [one for one in stored if options.hardware in (None, one.hardware)]
    exactly = [one for one in of_hardware if one.baseline.benchmark == options.benchmark]
    matching = exactly or [one for one in of_hardware if options.benchmark in one.baseline.benchmark]
    if not matching:
        broken = f" ({len(faults)} cannot be read)" if faults else ""
        raise UserError(
            f"no baseline of {options.benchmark!r} in {options.baselines}{broken}: "
            "`pytest-accel list` shows which there are"
        )
    return matching, faults


def fault_lines(faults: Sequence[str]) -> tuple[list[str], int]:
    """Lines for baselines that cannot be read, and the exit code that they ask for."""
    return [f"broken  {one_line(fault)}" for fault in faults], DIFFERS if faults else 0


def versions(provenance: Mapping[str, str]) -> str:
    """The frameworks and compilers among it."""
    known = [name for name in (*FRAMEWORKS, "libtpu") if name in provenance]
    return ", ".join(f"{name} {provenance[name]}" for name in known) or "-"


def main_metrics(summary: Mapping[str, float]) -> list[str]:
    """Those that a table shows."""
    return [name for name in METRICS_WITHOUT_COMPARISON if name in summary]


def shown(metric: str, value: float) -> str:
    return f"{label(metric)} {quantity(metric, value)}"


def heading(stored: Stored) -> str:
    return f"{one_line(stored.baseline.benchmark)} on {one_line(stored.hardware)}"
