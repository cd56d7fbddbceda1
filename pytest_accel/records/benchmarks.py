"""Which benchmark a baseline belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Benchmark:
    """A test that measures, as baselines know it.

    ``name`` is ``FILE::ID``: the path of the file from the folder that holds the baselines, and what pytest's
    node id has after the file. ``parameters`` has a text for each parameter of the test (``parameters.py``).
    Earlier versions stored it under ``former_name``; None if that is the same, or may be another test's.
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    former_name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All it may be stored under; the first that has a baseline counts."""
        return (self.name,) if self.former_name is None else (self.name, self.former_name)
