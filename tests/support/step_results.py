"""Records of the kinds that steps return."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Metrics:
    count: int
    loss: object


@dataclasses.dataclass
class State:
    step: int


@dataclasses.dataclass
class Unset:
    loss: object
    history: list = dataclasses.field(init=False)
