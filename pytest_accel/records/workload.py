"""The work of one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None

DataSource = str | Callable[[], object] | None
"""Where data comes from: a folder, a function of the user's own that makes it, or neither."""


@dataclass(frozen=True)
class Workload:
    """Everything that defines the work of one step. Two runs compare only if this matches exactly.

    The framework's *name* belongs to it; versions do not: they are what is under test.
    """

    name: str
    framework: str
    examples_per_step: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Scalar]:
        """All that is compared, flat: the name, the framework, the batch and every parameter."""
        return {
            "name": self.name,
            "framework": self.framework,
            "examples_per_step": self.examples_per_step,
            **self.parameters,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the fields as canonical JSON, first 16 hexadecimal digits."""
        text = json.dumps(self.fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
