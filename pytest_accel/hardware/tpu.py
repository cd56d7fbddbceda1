"""The TPU of this machine, from device nodes, PCI ids and the environment: no framework, no network."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

from pytest_accel.hardware.identity import slug
from pytest_accel.hardware.tpu_generations import GENERATIONS, Generation, slice_named, split
from pytest_accel.records import Accelerator, Kind
from pytest_accel.records.user_error import UserError

DEV = Path("/dev")
PCI_DEVICES = Path("/sys/bus/pci/devices")

_GOOGLE = "0x1ae0"


class NoTpu(Exception):
    """No TPU can be used; the message is the reason."""


def present() -> bool:
    """Whether this machine has a TPU's device nodes, or TPU_NAME names one."""
    if os.environ.get("TPU_NAME"):
        return True
    return local()


def local() -> bool:
    """Whether the TPU's chips are in this machine."""
    # A digit must follow: /dev/accel/ is the folder of other vendors' accelerators.
    if any(DEV.glob("accel[0-9]*")):
        return True
    # Any machine with a passed-through device has vfio nodes, and any Google machine has Google's devices.
    return any((DEV / "vfio").glob("[0-9]*")) and bool(_local_chips())


def accelerator(devices: int | None = None) -> Accelerator:
    """The TPU slice that this machine belongs to, over all its hosts. NoTpu if there is none.

    A slice is used as a whole: raises UserError for other ``devices`` than it has.
    """
    if not present():
        raise NoTpu("no /dev/accel* or /dev/vfio/*, TPU_NAME is not set")
    type_name = _type_in_environment() or _type_on_pci_bus()
    topology = os.environ.get("TPU_TOPOLOGY") or None
    hosts = len([name for name in os.environ.get("TPU_WORKER_HOSTNAMES", "").split(",") if name.strip()]) or 1
    prefix, number = _split(type_name)
    generation = next((known for known in GENERATIONS if known.type_prefix == prefix), None)
    available = _devices(generation, number)
    if devices not in (None, available):
        raise UserError(f"a TPU slice is used as a whole, and {type_name} has {available} devices")
    return Accelerator(
        identity=_identity(type_name, topology, hosts),
        kind=Kind.TPU,
        model=generation.model if generation else f"TPU {prefix}",
        devices=available,
        topology=topology,
        hosts=hosts,
        memory_bytes=generation.device_memory_gib * 2**30 if generation else None,
    )


def compile_only(topology: str) -> Accelerator:
    """The TPU slice of this type, which need not be here: programs are compiled for it and do not run.

    Raises UserError for a type that cannot be compiled for.
    """
    chosen = slice_named(topology)
    return Accelerator(
        identity=slug(f"aot tpu {topology}"),
        kind=Kind.TPU,
        model=chosen.generation.model,
        devices=chosen.devices,
        topology=topology,
        memory_bytes=chosen.device_memory_bytes,
    )


def _identity(type_name: str, topology: str | None, hosts: int) -> str:
    """On one host the type says all; slices of several hosts differ in topology too."""
    words = ["tpu", type_name.removeprefix("tpu")]
    if hosts > 1:
        words += [topology or "", f"{hosts} hosts"]
    return slug(" ".join(words))


def _devices(generation: Generation | None, number: int) -> int:
    if generation is None:
        return number
    return math.ceil(number / generation.type_units_per_chip) * generation.devices_per_chip


def _split(type_name: str) -> tuple[str, int]:
    parts = split(type_name)
    if parts is None:
        raise NoTpu(f"TPU type {type_name!r} is not of the form v2-8: set TPU_ACCELERATOR_TYPE")
    return parts


def _type_in_environment() -> str:
    return (os.environ.get("TPU_ACCELERATOR_TYPE") or os.environ.get("ACCELERATOR_TYPE") or "").lower()


def _type_on_pci_bus() -> str:
    """The type of the chips in this machine alone, such as ``v4-8``."""
    chips = _local_chips()
    if not chips:
        raise NoTpu("it may be one whose type is not known: set TPU_ACCELERATOR_TYPE, for example to v2-8")
    generation, count = chips.most_common(1)[0]
    return f"{generation.type_prefix}-{count * generation.type_units_per_chip}"


def _local_chips() -> Counter[Generation]:
    chips: Counter[Generation] = Counter()
    for folder in PCI_DEVICES.glob("*"):
        if _read(folder / "vendor") != _GOOGLE:
            continue
        device, subsystem = _read(folder / "device"), _read(folder / "subsystem_device")
        for known in GENERATIONS:
            if known.pci_device == device and known.pci_subsystem in (None, subsystem):
                chips[known] += 1
    return chips


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
