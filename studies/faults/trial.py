"""What a fault campaign consists of."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple


class Trial(NamedTuple):
    """One fault. ``run`` returns what was violated; ``name`` says what is done, and is unique in its kind."""

    kind: str
    name: str
    run: Callable[[random.Random], list[str]]
