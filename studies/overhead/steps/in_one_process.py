"""Blocks of a bare loop and of pytest-accel in turns, in one process, for same_on_both_sides.py:

    python in_one_process.py KIND STEPS_PER_BLOCK ROUNDS

Prints the seconds of each round's blocks, [bare, ours], as a JSON list.
"""

from __future__ import annotations

import json
import random
import sys
import time

from kinds import KINDS

from pytest_accel.api.user_step import closed_program
from pytest_accel.records import Kind, Plan, Workload
from pytest_accel.worker.step_timer import StepTimer


def main(kind: str, steps_per_block: int, rounds: int) -> None:
    step, wait = KINDS[kind].make()
    measurement = StepTimer(Plan(Workload("measure", "any", 1), lambda: closed_program(step, Kind.CPU)))
    measurement.prepare()

    def bare_s() -> float:
        start = time.perf_counter()
        for _ in range(steps_per_block - 1):
            step()
        wait(step())
        return time.perf_counter() - start

    def ours_s() -> float:
        return measurement.block(steps_per_block).time_s

    pairs = []
    for _ in range(rounds):
        if random.random() < 0.5:
            bare = bare_s()
            ours = ours_s()
        else:
            ours = ours_s()
            bare = bare_s()
        pairs.append((bare, ours))
    print(json.dumps(pairs))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
