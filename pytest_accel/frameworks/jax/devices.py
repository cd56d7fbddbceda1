"""JAX and the accelerator: make it ready, and say which devices JAX works on."""

from __future__ import annotations

import jax
import numpy as np
from jax.sharding import Mesh

from pytest_accel.frameworks.jax.training import DEVICES
from pytest_accel.records import Kind

_BUILDS = {Kind.CPU: "jax", Kind.GPU: "jax-gpu", Kind.TPU: "jax-tpu"}


def start(kind: Kind) -> None:
    """Make the accelerator ready, before anything else uses JAX. May be called again.

    Raises RuntimeError if JAX cannot work on that kind, with what it does see.
    """
    if kind is Kind.CPU:  # Else JAX would start a GPU or TPU as well where there is one, and hold it.
        jax.config.update("jax_platforms", "cpu")
    try:
        devices = jax.devices(kind.value)
    except RuntimeError as error:
        raise RuntimeError(
            f"JAX {jax.__version__} sees no {kind.upper()}, only {_seen()}. Install a build for it (pip "
            f"install 'pytest-accel[{_BUILDS[kind]}]'), look at JAX_PLATFORMS, end other processes that hold "
            f"it, or run with --accel=cpu. It says: {str(error).partition(chr(10))[0]}"
        ) from error
    jax.config.update("jax_default_device", devices[0])


def mesh() -> Mesh:
    """All devices of the kind in use, along one axis."""
    return Mesh(np.array(jax.devices(kind_in_use().value)), (DEVICES,))


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
