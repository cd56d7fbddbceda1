"""Where baselines live. A store finds, reads and extends the baselines of one hardware identity."""

from __future__ import annotations

from pytest_accel.baselines.errors import BrokenBaseline, OtherSchema, StoreError
from pytest_accel.baselines.store import BaselineStore

__all__ = ["BaselineStore", "BrokenBaseline", "OtherSchema", "StoreError"]
