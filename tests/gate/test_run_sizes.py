"""How large the runs of a session are, and whether they wait for a quiet machine."""

from __future__ import annotations

import pytest

from pytest_accel.records import Outcome, Run, Steps, Workload

WORKLOAD = Workload("measure", "python", 32)


def run(blocks):
    return Run(WORKLOAD, Steps((0.25,) * blocks, 1, 1.0, 1.0, 1.0, 1.0, 4), {})


@pytest.mark.parametrize(("asked", "waits"), [({}, False), ({"record_missing": True}, True)])
def test_one_that_is_compared_with_nothing_waits_for_nobody(gate, asked, waits):
    size = gate(**asked).run_size(WORKLOAD)
    assert (size.blocks, size.seconds, size.waits) == (120, 12.0, waits)


def test_one_that_is_compared_is_as_long_as_the_baseline_and_waits(gate, session):
    result = session(*[run(48)] * 3, update_baselines=True)
    assert result.verdict.outcome is Outcome.RECORDED
    size = gate(runs=1).run_size(WORKLOAD)
    assert (size.blocks, size.seconds, size.steps_per_block, size.waits) == (48, 20.0, 1, True)
