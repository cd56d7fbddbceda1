"""The eight families as benchmarks, for ``upgrades.py``: each step as it is, compiled and not run."""

from __future__ import annotations

import pytest

from pytest_accel import Accel

NAMES = (
    "dense",
    "convolution",
    "transformer",
    "transformer_one_by_one",
    "recurrent",
    "embedding",
    "accumulation",
    "mixture",
)
"""Those of ``program_families.FAMILIES``, which takes jax to ask."""


@pytest.mark.parametrize("family", NAMES)
def test_step(family: str, accel: Accel) -> None:
    from program_families import FAMILIES, Knobs

    made = FAMILIES[family](Knobs())
    accel.measure(made.step, state=made.state, batch=made.batch, examples_per_step=made.examples)
