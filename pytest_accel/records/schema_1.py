"""What schema 1 of baselines and reports wrote, brought into the form of schema 2.

Observations did not say of which kind they are, and some names were others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA = 1

_METRICS = {"exchanged_bytes": "collective_bytes", "host_spread": "host_step_time_spread"}
_PARTITIONINGS = {"replicas": "per_replica", "global batch": "spmd"}
_KINDS = {"step_times_s": "steps", "epochs": "convergence", "partitioning": "program"}
"""A field that only observations of this kind have."""


def observation(data: Any) -> Any:
    """With its kind; unchanged where it is none that schema 1 knew."""
    if not isinstance(data, dict) or "kind" in data:
        return data
    kind = next((kind for name, kind in _KINDS.items() if name in data), None)
    if kind is None:
        return data
    if "partitioning" in data:
        partitioning = data["partitioning"]
        known = _PARTITIONINGS if isinstance(partitioning, str) else {}
        data = {**data, "partitioning": known.get(partitioning, partitioning)}
    return {"kind": kind, **data}


def metrics(data: Any) -> Any:
    """By their present names."""
    if not isinstance(data, Mapping):
        return data
    return {metric(name): value for name, value in data.items()}


def metric(name: Any) -> Any:
    """The present name of a metric."""
    return _METRICS.get(name, name) if isinstance(name, str) else name
