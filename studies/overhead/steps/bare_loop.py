"""A bare loop of one kind of step in a process that holds nothing else, for same_on_both_sides.py:

    python bare_loop.py KIND WARMUP_STEPS STEPS_PER_BLOCK BLOCKS

Prints the seconds of each block as a JSON list.
"""

from __future__ import annotations

import json
import sys
import time

from kinds import KINDS


def main(kind: str, warmup_steps: int, steps_per_block: int, blocks: int) -> None:
    step, wait = KINDS[kind].make()

    def block_s(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps - 1):
            step()
        wait(step())
        return time.perf_counter() - start

    block_s(1)
    block_s(warmup_steps)
    print(json.dumps([block_s(steps_per_block) for _ in range(blocks)]))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
