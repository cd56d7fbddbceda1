"""The mesh of devices that programs are written for, and how arrays lie on it."""

from __future__ import annotations

from jax.sharding import PartitionSpec

DEVICES = "devices"
"""The one axis of the mesh: each device has its share of the global batch."""

SHARDED, REPLICATED = PartitionSpec(DEVICES), PartitionSpec()
