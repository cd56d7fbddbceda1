"""One benchmark of each kind of step, for same_on_both_sides.py or by hand:

pytest studies/overhead/steps -k numpy_240kB --accel=cpu --accel-against="$(which python)"
"""

from __future__ import annotations

import pytest
from kinds import KINDS

from pytest_accel import Accel


@pytest.mark.parametrize("kind", KINDS)
def test_same(accel: Accel, kind: str) -> None:
    for module in KINDS[kind].needs:
        pytest.importorskip(module)
    accel.measure(KINDS[kind].make().step, examples_per_step=1)
