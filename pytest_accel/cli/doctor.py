"""``pytest-accel doctor``: what is installed and seen here, and what would make measurements noisy."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_accel import hardware
from pytest_accel.analysis.rules.disturbance import MAX_OTHERS_SHARE
from pytest_accel.cli import DIFFERS, CommandResult
from pytest_accel.hardware import noise_sources, slow_settings
from pytest_accel.records import Accelerator, Kind
from pytest_accel.records.json_codec import encode
from pytest_accel.reports.terminal import hardware_line
from pytest_accel.worker import provenance


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "doctor",
        parents=[shared],
        help="check installed packages, detected devices and sources of measurement noise",
        description="Check this machine for sources of measurement noise. Exits with 1 if it finds any.",
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Never raises: what cannot be read is left out."""
    installed = provenance.provenance()
    seen = _accelerators()
    noise = noise_sources.noise_sources(MAX_OTHERS_SHARE)
    slow = slow_settings.of_process()
    lines = [
        "installed",
        *(f"  {name} {version}" for name, version in installed.items()),
        "accelerators",
        *(f"  {hardware_line(one).removeprefix('accel: ')}" for one in seen),
        "what would make measurements noisy",
        *(f"  {one.description}\n    {one.remedy}" for one in noise),
        *(["  nothing that can be seen from here"] if not noise else []),
        *(["what makes every step slower"] if slow else []),
        *(f"  {one.description}\n    {one.remedy}" for one in slow),
    ]
    data: dict[str, Any] = {
        "installed": dict(installed),
        "accelerators": [encode(one) for one in seen],
        "disturbances": [one._asdict() for one in noise],
        "slow_settings": [one._asdict() for one in slow],
    }
    return CommandResult("\n".join(lines), data, DIFFERS if noise or slow else 0)


def _accelerators() -> list[Accelerator]:
    seen = []
    for kind in (Kind.TPU, Kind.GPU, Kind.CPU):
        try:
            seen.append(hardware.accelerator(kind))
        except hardware.AbsentAccelerator:
            continue
    return seen
