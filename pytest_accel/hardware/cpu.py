"""This machine's CPU: its model, and the cores and memory this process may use. Standard library only."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_accel.hardware.identity import slug
from pytest_accel.records import Accelerator, Kind
from pytest_accel.records.user_error import UserError

CPUINFO = Path("/proc/cpuinfo")
OWN_CONTROL_GROUPS = Path("/proc/self/cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")

# What brand strings hold beside the model: marks, clock rates, core counts, integrated graphics.
# Compiled at its first use, since importing this must be cheap.
_NOISE = (
    r"(?ix) \((?:r|tm|c)\) | \b(?:cpu|processor)\b | @.* | (?:\bwith\b|\bw/)?\s*\bradeon\b.* "
    r"| \b\w+-core\b | \b\d+(?:st|nd|rd|th)\ gen\b"
)

# (implementer, part) of cores that cloud machines have. Source: util-linux, sys-utils/lscpu-arm.c.
_ARM_CORES = {
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",
}


MAX_DEVICES = 64
"""Logical devices share the cores: more of them measure nothing that fewer do not."""


def accelerator(devices: int = 1) -> Accelerator:
    """This machine's CPU, divided into logical devices, with the memory that this process may use.

    Raises UserError for more than MAX_DEVICES.
    """
    if devices > MAX_DEVICES:
        raise UserError(f"a CPU is divided into {MAX_DEVICES} logical devices at most")
    model = model_name()
    shared = [] if devices == 1 else [f"{devices} devices"]
    return Accelerator(
        identity=slug(" ".join(["cpu", model, cores_text(), *shared])),
        kind=Kind.CPU,
        model=model,
        devices=devices,
        memory_bytes=memory_bytes(),
    )


def model_name() -> str:
    """The CPU's model without the noise in its brand string: "AMD EPYC 7B13"."""
    if sys.platform == "darwin":
        return _macos_brand() or platform.machine()
    return model_in_cpuinfo(_read(CPUINFO)) or platform.processor() or platform.machine() or "unknown"


def model_in_cpuinfo(cpuinfo: str) -> str | None:
    """The model of the first core in the text of /proc/cpuinfo, None where it names none."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    if "CPU part" in fields:
        return _arm_core(fields)
    if "model name" in fields:
        return _x86_model(fields)
    return None


def cores_text() -> str:
    cores = usable_cores()
    return "1 core" if cores == 1 else f"{cores} cores"


def usable_cores() -> int:
    """Logical cores this process may use: its affinity, or its control group's CPU quota if that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in _control_groups("cpu") if (quota := _quota_in_cores(group))]
    return min(cores, *(math.ceil(quota) for quota in quotas)) if quotas else cores


def memory_bytes() -> int | None:
    """Memory of the machine, or the limit of this process's control group if that is lower."""
    try:
        sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        return None
    for group in _control_groups("memory"):
        limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if limit.strip().isdecimal():
            sizes.append(int(limit))
    return min(sizes)


def _x86_model(fields: dict[str, str]) -> str:
    name = _without_noise(fields["model name"])
    if any(character.isdigit() for character in name):
        return name
    # Clouds hide the model number ("Intel Xeon"), yet two generations must not share an identity.
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model", "stepping") if key in fields]
    return " ".join([name, *numbers]).replace("cpu family", "family").strip()


def _without_noise(brand: str) -> str:
    return " ".join(re.sub(_NOISE, " ", brand).split())


def _arm_core(fields: dict[str, str]) -> str:
    implementer, part = fields.get("CPU implementer", "unknown"), fields["CPU part"]
    return "ARM " + _ARM_CORES.get((implementer, part), f"implementer {implementer} part {part}")


def _macos_brand() -> str:
    import subprocess

    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        brand = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return _without_noise(brand)


def _control_groups(controller: str) -> Iterator[Path]:
    """Folders of this process's control group and those above it, of version 2 and of version 1.

    In a container the group's own path may name a folder of the host, which is not there; the limits of
    the container then stand at the root.
    """
    for line in _read(OWN_CONTROL_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = CONTROL_GROUPS
        elif controller in controllers.split(","):
            root = CONTROL_GROUPS / controller
        else:
            continue
        group = root / path.lstrip("/")
        yield group
        yield from (folder for folder in group.parents if folder.is_relative_to(root))


def _quota_in_cores(group: Path) -> float | None:
    fields = _read(group / "cpu.max").split()
    if not fields:
        fields = [_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")]
    try:
        quota_us, period_us = map(int, fields)
    except ValueError:  # "max" in version 2, or no such files
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
