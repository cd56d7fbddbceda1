"""Programs compiled for a TPU slice that need not be here: JAX's compile-only devices, libtpu's compiler."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import inspect
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

from pytest_accel.analysis.hlo import (
    exchanges,
    flops,
    operations,
    program_text,
    shapes,
    step_time_model,
    traffic,
    trip_counts,
)
from pytest_accel.frameworks.xla.mesh import DEVICES
from pytest_accel.hardware.tpu_generations import Slice
from pytest_accel.records import Lowered, ProgramFacts

_FLAGS = ("LIBTPU_INIT_ARGS", "XLA_FLAGS", "TPU_LIBRARY_PATH")
_FLAG_FILE = re.compile(r"--?flagfile=(\S+)")
MAX_FLAG_FILE_BYTES = 2**20
_READERS = (exchanges, flops, operations, program_text, shapes, step_time_model, traffic, trip_counts)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_TOO_LARGE = re.compile(
    r"\(([\d.]+)([KMGT]?)\) exceeds available HBM \(([\d.]+)([KMGT]?)\)"
    r"|Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?) hbm"
)


def mesh(target: Slice) -> Mesh:
    """All devices of the slice, along one axis: they take programs, and run none.

    Raises RuntimeError, which says what to install, without libtpu, and for a slice that it does not know.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise RuntimeError(
            f'compiling for {target.name} takes the TPU\'s compiler, libtpu: pip install "pytest-accel[aot]"'
        )
    chips_per_host = {"chips_per_host_bounds": target.chips_per_host} if target.chips_per_host else {}
    cores = {"chip_config_name": "megacore"} if target.compiled.megacore else {}
    try:
        topology = topologies.get_topology_desc(
            target.compiler_name, platform="tpu", **chips_per_host, **cores
        )
    except Exception as error:
        raise RuntimeError(
            f"libtpu {_libtpu_version()} makes no {target.name} ({target.compiler_name}): {first_line(error)}"
        ) from error
    return Mesh(np.array(topology.devices), (DEVICES,))


def check_divides(global_batch: int, target: Slice) -> None:
    """Raise ValueError for a batch of which the devices cannot have equal parts."""
    if global_batch % target.devices:
        raise ValueError(
            f"A global batch of {global_batch} does not divide by the {target.devices} devices of "
            f"{target.name}: take a multiple of {target.devices}."
        )


def check_can_be_split(shapes: Sequence[tuple[int, ...]], global_batch: int, target: Slice) -> None:
    """Raise ValueError unless a batch with arrays of these ``shapes`` can be split over the devices."""
    check_divides(global_batch, target)
    if target.devices > 1 and not any(shape[:1] == (global_batch,) for shape in shapes):
        raise ValueError(
            f"The batch is split over the devices of {target.name}, and no array of batch= has "
            f"examples_per_step={global_batch} rows: its shapes are {', '.join(map(str, shapes)) or 'none'}"
        )


def lowered(program: jax.stages.Lowered, target: Slice, partitioning: str) -> Lowered:
    """What JAX has traced for the devices of ``target``."""
    return Lowered(_fingerprint(program, target), lambda: _compiled(program, target, partitioning))


def _fingerprint(program: jax.stages.Lowered, target: Slice) -> str:
    """Of all that the facts come from: the program, the compiler and its settings, and how it is read.

    The program's text has its shardings and what is donated.
    """
    settings = [*map(_flags_in_force, _FLAGS), repr(sorted(jax.config.values.items()))]
    readers = [inspect.getsource(module) for module in (sys.modules[__name__], *_READERS)]
    versions = [importlib.metadata.version("jaxlib"), _libtpu_version(), _library(target)]
    parts = [target.name, repr(limits(target)), *versions, *settings, *readers, program.as_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _flags_in_force(variable: str) -> str:
    """The value of a variable with flags, and what stands in the files that it names.

    XLA_FLAGS may be the name of a file with flags, and ``--flagfile=`` may name some anywhere.
    """
    value = os.environ.get(variable, "")
    names = _FLAG_FILE.findall(value)
    if value and not value.lstrip().startswith("-"):
        names.append(value.strip())
    texts = []
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            path = Path(name)
            texts.append(path.read_text() if path.stat().st_size < MAX_FLAG_FILE_BYTES else "")
    return "\0".join([value, *texts])


def _library(target: Slice) -> str:
    """The build of the compiler that is loaded, wherever it was found."""
    return str(mesh(target).devices.flat[0].client.platform_version)


def _libtpu_version() -> str:
    """Its package has two names."""
    for package in ("libtpu", "libtpu-nightly"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return "of unknown version"


def _compiled(program: jax.stages.Lowered, target: Slice, partitioning: str) -> ProgramFacts:
    try:
        compiled = program.compile()
    except jax.errors.JaxRuntimeError as error:
        raise RuntimeError(_refused(error, target)) from None
    costs: Any = compiled.cost_analysis()
    memory: Any = compiled.memory_analysis()
    if not costs or not costs.get("flops"):
        raise RuntimeError(
            f"the compiler for {target.name} leaves nothing of this step to compute: what it works on must "
            "come by state= and batch=, and what it computes must be returned"
        )
    optimized = program_text.parse(compiled.as_text() or "")
    found = list(operations.operations(optimized, target.devices))
    step = step_time_model.modelled(optimized, found, limits(target))
    estimated = costs.get("optimal_seconds", -1.0)
    return ProgramFacts(
        partitioning=partitioning,
        devices=target.devices,
        flops=math.fsum(each.flops for each in step.operations.values()),
        bytes_accessed=float(sum(each.hbm_bytes for each in step.operations.values())),
        peak_memory_bytes=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes,
        generated_code_bytes=memory.generated_code_size_in_bytes,
        operations=step.operations,
        loops=step.loops,
        loop_bodies=step.loop_bodies,
        argument_bytes=memory.argument_size_in_bytes,
        result_bytes=memory.output_size_in_bytes,
        aliased_bytes=memory.alias_size_in_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        modelled_step_time_s=step.time_s,
        estimated_step_time_s=float(estimated) if estimated > 0 and not step.loops else None,
    )


def limits(target: Slice) -> step_time_model.Limits:
    """Of one device of the slice."""
    return step_time_model.Limits(
        flops_per_s=target.device_flops_per_s,
        vector_flops_per_s=target.device_vector_flops_per_s,
        int8_speedup=target.compiled.int8_speedup,
        memory_bytes_per_s=target.device_memory_bytes_per_s,
        exchange_bytes_per_s=target.device_exchange_bytes_per_s,
        host_bytes_per_s=target.device_host_bytes_per_s,
    )


def _refused(error: Exception, target: Slice) -> str:
    too_large = _TOO_LARGE.search(str(error))
    if too_large is None:
        return f"the compiler for {target.name} refuses the program: {first_line(error)}"
    used, used_unit, there, there_unit = (part for part in too_large.groups() if part is not None)
    needed, available = float(used) * _UNITS[used_unit], float(there) * _UNITS[there_unit]
    return (
        f"the step does not fit into the memory of a device of {target.name}: it needs "
        f"{needed / 2**30:.2f} GiB of {available / 2**30:.2f} GiB, {(needed - available) / 2**30:.2f} GiB "
        "too much: take a smaller batch or more devices"
    )


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
