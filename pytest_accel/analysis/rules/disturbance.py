"""Was a run disturbed by programs outside of the session? Pure.

Other programs only ever make a step slower. So a disturbed run is not evidence for a regression; a fast one
is still evidence against it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pytest_accel.records import Curve, Steps

MAX_OTHERS_SHARE = 0.05
"""A block is clean if other programs used no more of the machine than this while it was timed: 0.1 cores of
2, 0.8 of 16. A step that uses all cores then loses no more than this."""

MIN_CLEAN_BLOCKS = 5
"""A run with fewer clean blocks is disturbed: as many blocks as every run has at least."""


class DisturbedRun(Steps):
    """A run, with all of its blocks, of which too few are clean to be compared with longer runs."""


def is_disturbed(run: Steps) -> bool:
    """Whether too few blocks of a run are clean; never where it is unknown what others did."""
    return isinstance(run, DisturbedRun) or (bool(run.others_share) and len(_clean(run)) < MIN_CLEAN_BLOCKS)


def clean_blocks(run: Steps, enough: int = MIN_CLEAN_BLOCKS) -> Steps:
    """The run without its disturbed blocks, or a DisturbedRun if that leaves fewer than ``enough``."""
    clean = _clean(run)
    if len(clean) == len(run.others_share):
        return run
    if len(clean) < max(enough, MIN_CLEAN_BLOCKS):
        return DisturbedRun(**vars(run))
    return dataclasses.replace(
        run,
        step_times_s=tuple(run.step_times_s[block] for block in clean),
        others_share=tuple(run.others_share[block] for block in clean),
    )


def is_training_disturbed(curve: Curve) -> bool:
    """Whether no epoch is clean, so that the time of the fastest is not that of the program."""
    return bool(curve.others_share) and min(curve.others_share) > MAX_OTHERS_SHARE


def description(runs: Sequence[Steps]) -> str:
    """Who used the CPU during disturbed runs, and for how many of their blocks."""
    disturbed = [run for run in runs if is_disturbed(run)]
    blocks = sum(len(run.others_share) for run in disturbed)
    busy = sum(share > MAX_OTHERS_SHARE for run in disturbed for share in run.others_share)
    return f"other programs used the CPU during {busy} of {blocks} blocks ({programs(runs)})"


def programs(runs: Sequence[Steps]) -> str:
    """Those that used the CPU during disturbed runs."""
    return _names([run for run in runs if is_disturbed(run)])


def description_of_training(curves: Sequence[Curve]) -> str:
    """Who used the CPU during disturbed training."""
    disturbed = [curve for curve in curves if is_training_disturbed(curve)]
    return f"other programs used the CPU during every epoch ({_names(disturbed)})"


def _names(runs: Sequence[Steps | Curve]) -> str:
    names = (program for run in runs for program in run.conditions.other_programs)
    return ", ".join(dict.fromkeys(names)) or "programs that cannot be seen from here"


def _clean(run: Steps) -> list[int]:
    return [block for block, share in enumerate(run.others_share) if share <= MAX_OTHERS_SHARE]
