"""JAX and the accelerator: make it ready, and say which devices JAX works on."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import Mesh

from pytest_accel.frameworks.xla.mesh import DEVICES
from pytest_accel.records import Hosts, Kind

_BUILDS = {Kind.CPU: "jax", Kind.GPU: "jax-gpu", Kind.TPU: "jax-tpu"}


def start(kind: Kind, devices: int = 1, hosts: Hosts | None = None) -> None:
    """Make the accelerator ready, before anything else uses JAX. May be called again.

    ``devices`` are those of all ``hosts`` together. Raises RuntimeError if JAX does not see that many devices
    of that kind, with what it does see.
    """
    if kind is Kind.CPU:  # Else JAX would start a GPU or TPU as well where there is one, and hold it.
        jax.config.update("jax_platforms", "cpu")
        with contextlib.suppress(RuntimeError):  # It has started: what there is is looked at below.
            jax.config.update("jax_num_cpu_devices", devices // (hosts.count if hosts else 1))
    if hosts is not None:
        _join(hosts)
    try:
        seen = jax.devices(kind.value)
    except RuntimeError as error:
        raise RuntimeError(
            f"JAX {jax.__version__} sees no {kind.upper()}, only {_seen()}. Install a build for it (pip "
            f"install 'pytest-accel[{_BUILDS[kind]}]'), look at JAX_PLATFORMS, end other processes that hold "
            f"it, or run with --accel=cpu. It says: {str(error).partition(chr(10))[0]}"
        ) from error
    if len(seen) != devices:
        raise RuntimeError(
            f"JAX {jax.__version__} sees {len(seen)} {kind.upper()} devices, but {devices} were requested: "
            "check CUDA_VISIBLE_DEVICES, XLA_FLAGS and JAX_NUM_CPU_DEVICES, or use JAX only inside the test."
        )
    jax.config.update("jax_default_device", jax.local_devices(backend=kind.value)[0])


@functools.cache  # Processes meet once.
def _join(hosts: Hosts) -> None:
    jax.distributed.initialize(
        hosts.addresses[0],
        hosts.count,
        hosts.index,
        cluster_detection_method="deactivate",  # which under Slurm would leave a process one device
    )


def mesh() -> Mesh:
    """All devices of the kind in use, of all hosts, along one axis."""
    return Mesh(np.array(jax.devices(kind_in_use().value)), (DEVICES,))


def mesh_of(axes: Sequence[str], shape: Sequence[int]) -> Mesh:
    """All devices of the kind in use along axes of the user's own; one size may be -1, which is the rest.

    Raises ValueError for another number of devices than there are.
    """
    devices = np.array(jax.devices(kind_in_use().value))
    try:
        return Mesh(devices.reshape(tuple(shape)), tuple(axes))
    except ValueError as error:
        raise ValueError(
            f"accel.mesh({tuple(axes)}, {tuple(shape)}): {len(devices)} devices cannot lie so: give one size "
            f"for each axis, whose product is {len(devices)}; one of them may be -1"
        ) from error


def local_mesh() -> Mesh:
    """Those of this host."""
    return Mesh(np.array(jax.local_devices(backend=kind_in_use().value)), (DEVICES,))


def kind_in_use() -> Kind:
    """The kind of accelerator that JAX computes on in this process."""
    chosen = jax.config.jax_default_device
    platform = jax.default_backend() if chosen is None else chosen.platform
    return Kind.GPU if platform in ("cuda", "rocm") else Kind(platform)


def _seen() -> str:
    try:
        return ", ".join(sorted({device.platform for device in jax.devices()}))
    except RuntimeError:
        return "nothing"
