"""What this machine is and what disturbs it, known without any framework.

The parts are ``cpu``, ``gpu`` and ``tpu``. All is read anew at each call: from files, device nodes, the
environment, and NVML where there is an NVIDIA device node.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import chain

from pytest_accel.hardware import cpu, gpu, tpu
from pytest_accel.hardware.identity import checked
from pytest_accel.hardware.nvml import NoGpu
from pytest_accel.records import Accelerator, Conditions, Kind
from pytest_accel.records.user_error import UserError

# One-minute load per core above which a run is called disturbed. A run of ours that keeps every core busy
# leaves about 1 behind, and up to 1.4 was seen on two cores after two minutes of TensorFlow steps: a little
# more threads than cores. So 1.5 may be the echo of our own last run; above it something else was running.
BUSY_DURING_RUN_LOAD = 1.5


class AbsentAccelerator(UserError):
    """The accelerator asked for is not in this machine; the message says what is, and the way out."""


def probe_kind() -> Kind:
    """The kind that ``--accel=auto`` means here: a TPU before a GPU before the CPU."""
    if tpu.present():
        return Kind.TPU
    if gpu.present():
        return Kind.GPU
    return Kind.CPU


def accelerator(kind: Kind, identity: str | None = None, devices: int | None = None) -> Accelerator:
    """The accelerator of this kind in this machine.

    ``identity`` replaces the detected one. ``devices`` says how many of its devices to use, where these are
    not all there are. Raises AbsentAccelerator if there is no such accelerator, and UserError if
    ``identity`` cannot name a folder, or for devices that are not there.
    """
    if identity is not None:
        checked(identity)
    try:
        found = _detect(kind, devices)
    except (NoGpu, tpu.NoTpu) as reason:
        raise AbsentAccelerator(_absence(kind, reason)) from None
    except UserError as error:
        raise UserError(f"--accel-devices={devices}: {error}") from None
    return found if identity is None else replace(found, identity=identity)


def compile_only(topology: str) -> Accelerator:
    """The TPU slice of this type, for which programs are compiled and which need not be here.

    Raises UserError for a type that cannot be compiled for.
    """
    try:
        return tpu.compile_only(topology)
    except UserError as error:
        raise UserError(f"--accel-topology={topology}: {error}") from None


def conditions(kind: Kind, own_pids: Collection[int]) -> Conditions:
    """What disturbs the machine now. Never raises: a fact that cannot be read is left out.

    ``own_pids`` are the processes of this session, which are not foreign to the accelerator.
    """
    seen = gpu.conditions(own_pids) if kind is Kind.GPU else Conditions()
    return replace(seen, load_average=_load_per_core())


def merge(samples: Iterable[Conditions]) -> Conditions:
    """Several samples of one run, in the order of time, as one.

    The load is the first sample's, taken before the run: later ones hold the run's own load. Whatever
    slowed the accelerator in any of them counts.
    """
    seen = list(samples)
    return Conditions(
        load_average=seen[0].load_average if seen else None,
        throttle_reasons=_distinct(sample.throttle_reasons for sample in seen),
        foreign_processes=_distinct(sample.foreign_processes for sample in seen),
    )


def explain(conditions: Conditions) -> str | None:
    """One clause that may explain an odd number, None if nothing was odd about the machine."""
    clauses = []
    if conditions.load_average is not None and conditions.load_average > BUSY_DURING_RUN_LOAD:
        clauses.append(f"the machine was loaded ({conditions.load_average:.1f} per core) when the run began")
    if conditions.throttle_reasons:
        clauses.append(f"the GPU throttled ({', '.join(conditions.throttle_reasons)})")
    if conditions.foreign_processes:
        clauses.append(f"others used the GPU ({', '.join(conditions.foreign_processes)})")
    return "; ".join(clauses) or None


def _distinct(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All that is in the groups, once each, in the order first seen."""
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _detect(kind: Kind, devices: int | None = None) -> Accelerator:
    if kind is Kind.TPU:
        return tpu.accelerator(devices)
    if kind is Kind.GPU:
        return gpu.accelerator(devices)
    return cpu.accelerator(devices or 1)


def _absence(kind: Kind, reason: Exception) -> str:
    others = [there for other in (Kind.TPU, Kind.GPU) if other is not kind and (there := _found(other))]
    found = [f"{other.kind} ({other.model}, {_count(other.devices)})" for other in others]
    found.append(f"cpu ({cpu.model_name()}, {cpu.cores_text()})")
    ways = [f"--accel={other.kind}" for other in others] + ["--accel=cpu"]
    if probe_kind() is not kind:
        ways.append("--accel=auto")
    return (
        f"--accel={kind}: no {kind.upper()} here ({reason}). "
        f"Found: {', '.join(found)}. Run with {' or '.join(ways)}."
    )


def _found(kind: Kind) -> Accelerator | None:
    try:
        return _detect(kind)
    except (NoGpu, tpu.NoTpu):
        return None


def _count(devices: int) -> str:
    return "1 device" if devices == 1 else f"{devices} devices"


def _load_per_core() -> float | None:
    """The load is the whole machine's, so it is divided by all cores, whichever this process may use."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return None
