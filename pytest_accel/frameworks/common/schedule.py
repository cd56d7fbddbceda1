"""The learning rate of every step of a training."""

from __future__ import annotations

import math


def learning_rate(step: int, *, highest: float, warmup_steps: float, steps: int) -> float:
    """At a step from 0 of ``steps``: linear warm-up, then half a cosine.

    Loshchilov and Hutter, "SGDR" (2017), without restarts.
    """
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps)))
