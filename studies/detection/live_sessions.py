"""How often is a comparison with a stored baseline wrong? Real sessions on this machine.

    python studies/detection/live_sessions.py sessions.jsonl --trials=25
    python studies/detection/live_sessions.py sessions.jsonl --report

A trial records a baseline of three runs and compares one session with it, each a real session of pytest in
real processes. Conditions, steps and slowdowns take turns. In ``bursts``, ``steady neighbour`` and ``memory
hog`` other programs run beside the session that is compared, in ``neighbour while recording`` beside the one
that records. Every trial is added to the file at once, with the step times of all blocks and what others
used meanwhile: end this at any time and call it again, and it goes on to the number of trials. Options that
are not known here are pytest's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neighbours import CONDITIONS, idle, steady
from scipy import stats
from tabulate import tabulate

from pytest_accel.api.options import positive_int

HERE = Path(__file__).parent
STEPS = {"numpy": HERE / "planted_product.py", "tensorflow": HERE / "planted_step.py"}
RECORDING = "neighbour while recording"
SLOWDOWNS = (0.0, 0.2)
OUTCOMES = ("passed", "inconclusive", "regressed", "improved", "invalid")
REFERENCE_WITHIN = 0.05
"""Trials whose reference workload differed by less before and after are quiet, whatever their own times."""

Trial = dict[str, Any]


def main() -> None:
    options = parsed()
    while not options.report and (waiting := missing(options)):
        trial = one_trial(*random.choice(waiting), options.arguments)
        with options.results.open("a") as file:
            file.write(json.dumps(trial) + "\n")
        words = f"{trial['condition']}, {trial['step']}, {trial['slowdown']:.0%} slower"
        print(f"{words}: {trial['outcome']}, {trial['time_s']:.0f} s", flush=True)
    print(report(read(options.results)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="a file of one JSON object per line, made if not there")
    parser.add_argument("--trials", type=positive_int, default=25, help="of each combination")
    parser.add_argument("--condition", action="append", choices=(*CONDITIONS, RECORDING))
    parser.add_argument("--step", action="append", choices=STEPS)
    parser.add_argument("--slowdown", action="append", type=float, help="a fraction; default 0 and 0.2")
    parser.add_argument("--report", action="store_true", help="print the table, and run nothing")
    options, arguments = parser.parse_known_args()
    options.arguments = arguments
    return options


def missing(options: argparse.Namespace) -> list[tuple[str, str, float]]:
    """Combinations of which there are not enough trials yet, those with the fewest."""
    done = Counter((trial["condition"], trial["step"], trial["slowdown"]) for trial in read(options.results))
    wanted = [
        (condition, step, slowdown)
        for condition in options.condition or (*CONDITIONS, RECORDING)
        for step in options.step or STEPS
        for slowdown in options.slowdown or SLOWDOWNS
        if condition != RECORDING or slowdown == 0
    ]
    fewest = min(done[each] for each in wanted)
    return [each for each in wanted if done[each] == fewest < options.trials]


def one_trial(condition: str, step: str, slowdown: float, arguments: Sequence[str]) -> Trial:
    begin, at = time.monotonic(), time.time()
    with tempfile.TemporaryDirectory() as folder:
        with steady() if condition == RECORDING else idle():
            recorded = session(step, 0.0, folder, ["--accel-update-baselines", "--accel-runs=3", *arguments])
        before_s = reference_s()
        if condition == RECORDING:
            compared = recorded
        else:
            with CONDITIONS[condition]():
                compared = session(step, slowdown, folder, arguments)
        after_s = reference_s()
    comparisons = compared["comparisons"] or [{"change": None, "interval": None}]
    return {
        "condition": condition,
        "step": step,
        "slowdown": slowdown,
        "recorded": recorded["outcome"],
        "outcome": compared["outcome"],
        "reason": compared["reason"],
        "change": comparisons[0]["change"],
        "interval": comparisons[0]["interval"],
        "baseline_runs": [raw(run) for run in recorded["runs"]],
        "runs": [raw(run) for run in compared["runs"]],
        "reference_s": [before_s, after_s],
        "arguments": list(arguments),
        "time_s": round(time.monotonic() - begin, 1),
        "at": at,
    }


def session(step: str, slowdown: float, folder: str, arguments: Sequence[str]) -> Trial:
    """The one benchmark in the JSON report of a session. Exits for a session that came to no verdict."""
    file = Path(folder, "report.json")
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", str(STEPS[step]), f"--rootdir={HERE}", "-c", os.devnull]
    command += ["-p", "no:cacheprovider", "--accel=cpu", f"--accel-baselines={folder}/baselines"]
    command += [f"--accel-json={file}", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    environment["PLANTED_SLOWDOWN"] = str(slowdown)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1) or not file.exists():
        sys.exit(ended.stdout + ended.stderr)
    benchmark: Trial
    (benchmark,) = json.loads(file.read_text())["benchmarks"]
    return benchmark


def raw(run: Trial) -> Trial:
    """What a rule may be replayed on."""
    return {
        "step_times_s": [float(f"{time_s:.6g}") for time_s in run["step_times_s"]],
        "others_share": [round(share, 3) for share in run["others_share"]],
        "steps_per_block": run["steps_per_block"],
    }


def reference_s() -> float:
    """The fastest of ten hashes of 4 MB: work that nothing under test can change."""
    data = bytes(2**22)

    def once() -> float:
        start = time.perf_counter()
        hashlib.sha256(data).digest()
        return time.perf_counter() - start

    return min(once() for _ in range(10))


def read(file: Path) -> list[Trial]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def report(trials: Sequence[Trial]) -> str:
    """Outcomes by condition and slowdown; for the ones that matter an exact 95% interval, in percent."""
    rows = []
    for condition in (*CONDITIONS, RECORDING):
        for slowdown in SLOWDOWNS:
            alike = [t for t in trials if t["condition"] == condition and t["slowdown"] == slowdown]
            if not alike:
                continue
            quiet = [trial for trial in alike if is_quiet(trial)]
            counts = Counter(trial["outcome"] for trial in alike)
            rows.append([
                condition,
                f"{slowdown:.0%}",
                len(alike),
                len(quiet),
                *(rate(counts[outcome], len(alike)) for outcome in OUTCOMES),
                f"{statistics.median(trial['time_s'] for trial in alike):.0f} s",
            ])  # fmt: skip
    headers = ["condition", "slower", "trials", "quiet", *OUTCOMES, "median time"]
    return tabulate(rows, headers, tablefmt="github")


def is_quiet(trial: Trial) -> bool:
    """By the reference workload alone."""
    before_s, after_s = trial["reference_s"]
    return bool(max(before_s, after_s) <= (1 + REFERENCE_WITHIN) * min(before_s, after_s))


def rate(count: int, trials: int) -> str:
    interval = stats.binomtest(count, trials).proportion_ci(0.95)
    return f"{count} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


if __name__ == "__main__":
    main()
