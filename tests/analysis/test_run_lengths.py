"""Only runs of the same length are compared."""

from __future__ import annotations

from pytest_accel.analysis.rules.run_lengths import first_blocks, truncate_to_same_blocks
from pytest_accel.records import Steps


def run(*times_s: float, others_share: tuple[float, ...] = ()) -> Steps:
    return Steps(times_s, 1, 0.0, 0.0, 0.0, 0.0, 0, others_share=others_share)


def test_the_first_blocks_keep_what_belongs_to_them():
    cut = first_blocks(run(3.0, 2.0, 1.0, others_share=(1.0, 0.0, 1.0)), 2)
    assert cut.step_times_s == (3.0, 2.0)
    assert cut.others_share == (1.0, 0.0)


def test_both_sides_have_equally_many_blocks():
    now, reference = truncate_to_same_blocks([run(5.0, 6.0), run(5.0, 6.0, 7.0)], [run(3.0, 2.0, 1.0)])
    assert [each.step_times_s for each in now] == [(5.0, 6.0), (5.0, 6.0)]
    assert [each.step_times_s for each in reference] == [(3.0, 2.0)]
