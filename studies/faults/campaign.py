"""Break what surrounds pytest-accel, in every way that its authors could think of, and count what goes wrong.

    python studies/faults/campaign.py run faults.jsonl
    python studies/faults/campaign.py run faults.jsonl --parts updates wrappers --seed 2
    python studies/faults/campaign.py report faults.jsonl

Every trial appends a line with its violations at once: end this at any time and call it again, and it goes on
with those that are not there. What is chosen at random depends on the seed and the name of the trial only.
``report`` counts trials and violations of each kind, and says what the violations were.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import files
import names
import sessions
import strangers
import trees
import updates
import wrappers
from tabulate import tabulate
from trial import Trial

PARTS: dict[str, Callable[[], Iterator[Trial]]] = {
    module.__name__: module.trials for module in (updates, files, names, trees, wrappers, sessions, strangers)
}

Line = dict[str, Any]
"""Of the results: one trial."""


def main() -> None:
    options = parsed()
    if options.action == "run":
        for part in options.parts:
            run(part, options.results, options.seed)
    sys.exit(report(read(options.results)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run", help="all trials that the file does not have")
    running.add_argument("results", type=Path, help="a file of one JSON object a line, made if not there")
    running.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    running.add_argument("--seed", type=int, default=1)
    actions.add_parser("report", help="tables").add_argument("results", type=Path)
    return parser.parse_args()


def run(part: str, results: Path, seed: int) -> None:
    done = {(line["part"], line["seed"], line["kind"], line["name"]) for line in read(results)}
    for trial in PARTS[part]():
        if (part, seed, trial.kind, trial.name) in done:
            continue
        begin = time.monotonic()
        try:
            violations = trial.run(random.Random(f"{seed} {trial.kind} {trial.name}"))
        except Exception as error:
            violations = [f"{type(error).__name__}: {error}"]
        line = {"part": part, "seed": seed, "kind": trial.kind, "name": trial.name, "violations": violations}
        with results.open("a") as file:
            file.write(json.dumps({**line, "time_s": round(time.monotonic() - begin, 2)}) + "\n")


def read(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def report(lines: list[Line]) -> int:
    """Print violations and the table. 1 if anything was violated."""
    kinds: dict[str, list[Line]] = collections.defaultdict(list)
    for line in lines:
        kinds[line["kind"]].append(line)
    rows = [
        [
            kind,
            len(alike),
            sum(bool(line["violations"]) for line in alike),
            f"{statistics.median(float(line['time_s']) for line in alike):.2f} s",
        ]
        for kind, alike in kinds.items()
    ]
    for line in lines:
        for violation in line["violations"]:
            print(f"{line['kind']} {line['name']}: {violation}")
    print(tabulate(rows, ["kind", "trials", "with a violation", "median time"], disable_numparse=True))
    return int(any(line["violations"] for line in lines))


if __name__ == "__main__":
    main()
