"""How often is a comparison of two environments wrong? Real sessions on this machine, with slowdowns planted.

    python studies/detection/live_trials.py trials.jsonl --slowdown=0% --slowdown=5% --trials=40

Each trial is a session of ``pytest --accel-against`` on a ResNet-50 step, which is slower by the planted
slowdown here and unchanged there. What each came to is added to the file at once: end this at any time and
call it again, and it goes on to so many trials of each slowdown. ``pairs`` there are step times in s: of each
pair of processes those of the rounds here, and those in the other environment. TensorFlow must be in both;
further options are pytest's.

Trials outlive the rule that judged them. So the table also says how many of them the present rule decides by
the pairs that they took, and how: the others would go on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tabulate
from pairs_model import POLICY, recorded_run
from scipy import stats

from pytest_accel.analysis.rules.paired import judge
from pytest_accel.api.options import positive_int
from pytest_accel.records import NeedMore, Pair

STEP = Path(__file__).parent / "planted_step.py"
OUTCOMES = ("passed", "inconclusive", "regressed", "improved")


def main() -> None:
    options = parsed()
    while waiting := missing(options):
        trial = made(random.choice(waiting), options.against, options.arguments)
        with options.results.open("a") as file:
            file.write(json.dumps(trial) + "\n")
        print(f"{trial['slowdown']:.0%} slower: {trial['outcome']}, {trial['time_s']:.0f} s", flush=True)
    print(table(read(options.results)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "results", type=Path, help="a file of one JSON object a line, made if it is not there"
    )
    parser.add_argument(
        "--slowdown", action="append", type=slowdown, help="may be repeated; default 0%% and 5%%"
    )
    parser.add_argument("--trials", type=positive_int, default=40, help="of each slowdown")
    parser.add_argument(
        "--against", default=sys.executable, metavar="PYTHON", help="default: the same as here"
    )
    options, arguments = parser.parse_known_args()
    options.arguments = arguments
    options.slowdown = options.slowdown or [0.0, 0.05]
    return options


def slowdown(text: str) -> float:
    """A percentage from 0 as a fraction."""
    fraction = float(text.removesuffix("%")) / 100
    if fraction < 0:
        raise ValueError(text)
    return fraction


def missing(options: argparse.Namespace) -> list[float]:
    """The slowdowns of which there are not enough trials yet."""
    there = [trial["slowdown"] for trial in read(options.results)]
    return [planted for planted in options.slowdown if there.count(planted) < options.trials]


def made(planted: float, against: str, arguments: Sequence[str]) -> dict[str, Any]:
    """One trial. Raises CalledProcessError with pytest's words if its session did not come to a verdict."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pytest", str(STEP), f"--accel-json={report}", "--accel=cpu", "-q"]
        command += [f"--accel-against=env PLANTED_SLOWDOWN=0 {against}", "--benchmark-disable", *arguments]
        environment = {**os.environ, "PLANTED_SLOWDOWN": str(planted)}
        session = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if session.returncode not in (0, 1):
            sys.exit(session.stdout + session.stderr)
        (benchmark,) = json.loads(report.read_text())["benchmarks"]
    if not benchmark["comparisons"]:
        sys.exit(f"{benchmark['outcome']}: {benchmark['reason']}\n{session.stdout}")
    (comparison,) = benchmark["comparisons"]
    return {
        "slowdown": planted,
        "outcome": benchmark["outcome"],
        "change": comparison["change"],
        "interval": comparison["interval"],
        "pairs": [
            [rounded(side["step_times_s"]) for side in pair]
            for pair in zip(benchmark["runs"], benchmark["reference_runs"], strict=True)
        ],
        "time_s": time.monotonic() - start,
        "at": time.time(),
    }


def rounded(times_s: Sequence[float]) -> list[float]:
    return [float(f"{time_s:.6g}") for time_s in times_s]


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def table(trials: Sequence[dict[str, Any]]) -> str:
    """Rates of each outcome in percent with 95% intervals, and what a verdict took, by slowdown."""
    rows = []
    for planted in sorted({trial["slowdown"] for trial in trials}):
        alike = [trial for trial in trials if trial["slowdown"] == planted]
        counts = [[trial["outcome"] for trial in alike].count(outcome) for outcome in OUTCOMES]
        rows.append([
            f"{planted:.0%}",
            len(alike),
            *(f"{count} ({rate(count, len(alike))})" for count in counts),
            f"{statistics.median(len(trial['pairs']) for trial in alike):g}",
            f"{statistics.median(trial['time_s'] for trial in alike):.0f} s",
            _by_the_present_rule(alike),
        ])  # fmt: skip
    headers = ["slower", "trials", *OUTCOMES, "median pairs", "median time", "by the present rule"]
    return tabulate.tabulate(rows, headers)


def _by_the_present_rule(trials: Sequence[dict[str, Any]]) -> str:
    outcomes = [outcome for trial in trials if (outcome := _replayed(trial)) is not None]
    return ", ".join(f"{outcomes.count(one)} {one}" for one in OUTCOMES if one in outcomes) or "none decided"


def _replayed(trial: dict[str, Any]) -> str | None:
    """The verdict of the present rule on the pairs of a trial; None where it would take more of them."""
    pairs = [
        Pair(recorded_run(candidate_s), recorded_run(reference_s), interleaved=True)
        for candidate_s, reference_s in trial["pairs"]
    ]
    for count in range(1, len(pairs) + 1):
        answer = judge(pairs[:count], POLICY, may_take_more=count < POLICY.max_pairs)
        if not isinstance(answer, NeedMore):
            return answer.outcome.value
    return None


def rate(count: int, trials: int) -> str:
    low, high = stats.binomtest(count, trials).proportion_ci(0.95)
    return f"{100 * count / trials:.0f}%, {100 * low:.0f} to {100 * high:.0f}"


if __name__ == "__main__":
    main()
