"""JAX and the accelerator: make it ready, and say which devices JAX works on."""

from __future__ import annotations

import jax
import numpy as np
from jax.sharding import Mesh

from pytest_accel.frameworks.jax.training import DEVICES
from pytest_accel.records import Kind

_BUILDS = {Kind.CPU: "jax", Kind.GPU: "jax-gpu", Kind.TPU: "jax-tpu"}
_started: list[Kind] = []


def start(kind: Kind) -> None:
    """Make the accelerator ready, before anything else uses JAX. May be called again.

    Raises RuntimeError if JAX cannot work on that kind, with what it does see.
    """
    try:
        devices = jax.devices(kind.value)
    except RuntimeError as error:
        seen = ", ".join(sorted({device.platform for device in jax.devices()}))
        raise RuntimeError(
            f"JAX {jax.__version__} sees no {kind.upper()}, only {seen}. Install a build for it "
            f"(pip install 'pytest-accel[{_BUILDS[kind]}]'), look at JAX_PLATFORMS, or run with --accel=cpu. "
            f"It says: {str(error).partition(chr(10))[0]}"
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
