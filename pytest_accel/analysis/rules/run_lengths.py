"""Runs of as many blocks each. Pure.

The fastest of many blocks is faster than that of few: 40 blocks of one session on two shared cores had a
fastest 2.6% below that of their first 5. So only runs of the same length are compared.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from pytest_accel.analysis.rules.variance import FULL_BLOCKS
from pytest_accel.records import Steps


def fewest_blocks(now: Sequence[Steps], reference: Sequence[Steps]) -> int:
    """Those of the shortest run."""
    return min(len(run.step_times_s) for run in (*now, *reference))


def enough_blocks(blocks: int) -> int:
    """How many a run has to have, to be compared with runs of this length."""
    return FULL_BLOCKS if blocks >= FULL_BLOCKS else math.ceil(blocks / 2)


def first_blocks(run: Steps, count: int) -> Steps:
    """The run as if it had ended after ``count`` blocks."""
    return dataclasses.replace(
        run, step_times_s=run.step_times_s[:count], others_share=run.others_share[:count]
    )


def truncate_to_same_blocks(
    now: Sequence[Steps], reference: Sequence[Steps]
) -> tuple[list[Steps], list[Steps]]:
    """Both sides, cut to the blocks of the shortest run of either."""
    blocks = fewest_blocks(now, reference)
    return [first_blocks(run, blocks) for run in now], [first_blocks(run, blocks) for run in reference]
