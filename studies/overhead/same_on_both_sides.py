"""Is an environment, compared with itself, seen as the same, and what does measuring cost?

    python studies/overhead/same_on_both_sides.py compare same.jsonl --accel-budget=20
    python studies/overhead/same_on_both_sides.py cost cost.jsonl
    python studies/overhead/same_on_both_sides.py report same.jsonl cost.jsonl

A trial of ``compare`` is a session of ``pytest --accel-against`` with the same interpreter on both sides. The
mean change is that of all pairs of all trials. Sessions go on only while a pass is not proved, so the mean of
a single one is biased; the sum of all differences over the number of all pairs is not, for many trials
(Wald's identity), and its standard error counts trials, not pairs. A trial of ``cost`` is a bare loop of the
step and a session of pytest-accel, each in a process of its own.

The result of a trial is added to the file at once, and the kinds of step take turns: end this at any time and
call it again, and it goes on to the number of trials per kind. ``--python`` chooses the environment that is
examined, by default the one that runs this. Options that are not known here are pytest's. Needs SciPy and
tabulate here, and pytest-accel in that environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

STEPS = Path(__file__).parent.resolve() / "steps"
sys.path.insert(0, str(STEPS))
from kinds import KINDS  # noqa: E402, the steps are beside this file and in no package
from trial_tables import Mean, Trial, asked_half_width, logs, pair_log, percent, report  # noqa: E402

ROUNDS_IN_ONE_PROCESS = 40

MIN_PAIRS = 4
"""Pairs that every comparison takes (pytest_accel.gate.environment_gate)."""

MAX_FAILURES = 3
"""Trials of a kind without a number before the kind is given up."""

WIDE_TOLERANCE = "--accel-tolerance=99%"
"""For sessions of which only the step time is asked: one run is then nearly always enough to pass."""

NOT_INHERITED = ("CI", "PYTEST_ADDOPTS", "PYTHONPATH")

CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
"""What pytest-accel sets for its own processes, so that the bare loop has it as well."""


def main() -> None:
    options = parsed()
    if options.part == "report":
        for file in options.results:
            print(f"{file}\n{report(read(file))}\n")
        return
    environment = examined(options.python)
    print(f"pytest-accel is {environment['package']}, pytest {environment['pytest']}", flush=True)
    kinds = [kind for kind in options.kinds if not environment["missing"][kind]]
    for kind in options.kinds:
        if environment["missing"][kind]:
            print(f"{kind} is left out: no {', '.join(environment['missing'][kind])} there")
    make = {"compare": compared, "cost": costed}[options.part]
    while waiting := unfinished(read(options.results), kinds, options):
        trial = one_trial(make, waiting[0], environment, options)
        with options.results.open("a") as file:
            file.write(json.dumps(trial) + "\n")
        print(in_words(trial), flush=True)
    print(report(read(options.results)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    for name, says in (("compare", "with itself"), ("cost", "bare loop and pytest-accel")):
        part = parts.add_parser(name, help=says)
        part.add_argument("results", type=Path, help="a file of one JSON object a line, made if not there")
        part.add_argument("--python", default=sys.executable, help="of the environment to be examined")
        part.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
        part.add_argument(
            "--label", default="", help="what is examined; a file holds trials of one label only"
        )
        part.add_argument("--trials", type=int, default=12, help="of each kind, at least")
        part.add_argument(
            "--max-trials",
            type=int,
            default=24,
            help="of each kind, where fewer leave the interval wider than asked",
        )
    parts.add_parser("report", help="tables").add_argument("results", type=Path, nargs="+")
    options, arguments = parser.parse_known_args()
    options.arguments = arguments
    if options.part == "report" and arguments:
        parser.error(f"report takes files only, not {' '.join(arguments)}")
    return options


def examined(python: str) -> Trial:
    """What is there: the package that a session started here would use, and what kinds of step lack."""
    needs = {kind: KINDS[kind].needs for kind in KINDS}
    program = (
        "import importlib.util, json, sys, pytest, pytest_accel\n"
        "there = importlib.util.find_spec\n"
        "missing = {kind: [name for name in needs if there(name) is None]"
        " for kind, needs in json.loads(sys.argv[1]).items()}\n"
        "print(json.dumps({'package': pytest_accel.__file__, 'pytest': pytest.__version__,"
        " 'missing': missing}))"
    )
    found: Trial = json.loads(said([python, "-c", program, json.dumps(needs)]))
    return found | {"python": python}


def unfinished(trials: Sequence[Trial], kinds: Sequence[str], options: argparse.Namespace) -> list[str]:
    """The kinds that need further trials, those with the fewest first. Exits for a file of something else."""
    for name, here in (("part", options.part), ("label", options.label)):
        others = {trial[name] for trial in trials} - {here}
        if others:
            sys.exit(f"{options.results} has trials of {', '.join(others)}, and this is {here}: name another")
    of_kind = {kind: [trial for trial in trials if trial["kind"] == kind] for kind in kinds}
    waiting = [kind for kind in kinds if needs_more(of_kind[kind], kind, options)]
    return sorted(waiting, key=lambda kind: len(of_kind[kind]))


def needs_more(trials: Sequence[Trial], kind: str, options: argparse.Namespace) -> bool:
    values = logs(trials)
    if len(trials) - len(values) >= MAX_FAILURES or len(trials) >= max(options.trials, options.max_trials):
        return False
    if len(trials) < options.trials:
        return True
    mean = Mean.of_pairs(trials) if options.part == "compare" else Mean.of(values)
    return mean.half_width > asked_half_width(kind)


def one_trial(
    make: Callable[..., Trial], kind: str, environment: Trial, options: argparse.Namespace
) -> Trial:
    """One line of the results. What fails is a trial without a number, with the reason in ``reason``."""
    begin, load = time.monotonic(), os.getloadavg()[0]
    try:
        came_to = make(kind, environment["python"], options)
    except Failed as failed:
        came_to = {"outcome": "failed", "log": None, "reason": str(failed)[-2000:]}
    return {
        "part": options.part,
        "kind": kind,
        **came_to,
        "label": options.label,
        "arguments": options.arguments,
        "load_before": load,
        "time_s": round(time.monotonic() - begin, 1),
        "at": time.time(),
    }


def compared(kind: str, python: str, options: argparse.Namespace) -> Trial:
    """One comparison of an environment with itself."""
    benchmark = session(kind, python, [f"--accel-against={python}", *options.arguments])
    came_to = {"outcome": benchmark["outcome"], "reason": benchmark["reason"], "log": None}
    if not benchmark["comparisons"]:
        return came_to
    (comparison,) = benchmark["comparisons"]
    pairs = zip(benchmark["runs"], benchmark["reference_runs"], strict=True)
    times_s = [
        [[float(f"{time_s:.6g}") for time_s in side["step_times_s"]] for side in pair] for pair in pairs
    ]
    return came_to | {
        "log": statistics.fmean(pair_log(*pair) for pair in times_s[:MIN_PAIRS]),
        "change": comparison["change"],
        "interval": comparison["interval"],
        "pairs": times_s,
    }


def costed(kind: str, python: str, options: argparse.Namespace) -> Trial:
    """One pair of processes, the bare loop and a session, in random order; then both in one process.

    The first session of a kind stores a baseline beside the results. That holds all later ones to the length
    and the number of its blocks, and the bare loop takes as many, after as many steps of warm-up. Where a
    session ends early, as many blocks count on either side.
    """
    baselines = options.results.with_suffix(".baselines")
    sizes = baselines / "sizes.json"
    size = (json.loads(sizes.read_text()) if sizes.exists() else {}).get(kind)
    common = ["--accel-runs=1", f"--accel-baselines={baselines}", *options.arguments]
    if size is None:
        run = first_run(kind, python, ["--accel-update-baselines", *common])
        size = [run["warmup_steps"], run["steps_per_block"], len(run["step_times_s"])]
        known = json.loads(sizes.read_text()) if sizes.exists() else {}
        sizes.write_text(json.dumps({**known, kind: size}))
    _, steps_per_block, _ = size

    def bare() -> tuple[list[float], int]:
        return json.loads(said([python, str(STEPS / "bare_loop.py"), kind, *map(str, size)])), steps_per_block

    def ours() -> tuple[list[float], int]:
        run = first_run(kind, python, [WIDE_TOLERANCE, *common])
        return [run["steps_per_block"] * time_s for time_s in run["step_times_s"]], run["steps_per_block"]

    sides = {"bare": bare, "ours": ours}
    order = random.sample(list(sides), 2)
    blocks_s = {name: sides[name]() for name in order}
    blocks = min(len(times_s) for times_s, _ in blocks_s.values())
    fastest_s = {name: min(times_s[:blocks]) / steps for name, (times_s, steps) in blocks_s.items()}
    rounds = json.loads(
        said([
            python, str(STEPS / "in_one_process.py"), kind, str(steps_per_block), str(ROUNDS_IN_ONE_PROCESS),
        ])
    )  # fmt: skip
    return {
        "outcome": "measured" if blocks_s["ours"][1] == steps_per_block else "other length of block",
        "log": math.log(fastest_s["bare"] / fastest_s["ours"]),
        "bare_s": fastest_s["bare"],
        "ours_s": fastest_s["ours"],
        "first": order[0],
        "warmup_steps": size[0],
        "steps_per_block": steps_per_block,
        "blocks": blocks,
        "log_in_one_process": statistics.median(math.log(bare_s / ours_s) for bare_s, ours_s in rounds),
        "log_of_fastest_in_one_process": math.log(
            min(bare_s for bare_s, _ in rounds) / min(ours_s for _, ours_s in rounds)
        ),
    }


class Failed(Exception):
    """A process that came to no result; the message is what it said."""


def session(kind: str, python: str, arguments: Sequence[str]) -> Trial:
    """The benchmark of this kind in the JSON report of a session. Raises Failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        # STEPS is a project of its own here: options and conftests of the folders above would count for
        # pytest-accel and not for the bare loop.
        command = [python, "-m", "pytest", "-q", f"test_same.py::test_same[{kind}]", f"--rootdir={STEPS}"]
        command += [
            "-c",
            os.devnull,
            f"--confcutdir={STEPS}",
            "-p",
            "no:cacheprovider",
            "--benchmark-disable",
        ]
        command += ["--accel=cpu", f"--accel-json={file}", *arguments]
        text = said(command, allowed=(0, 1))
        with contextlib.suppress(OSError, ValueError):
            benchmark: Trial
            (benchmark,) = json.loads(file.read_text())["benchmarks"]
            return benchmark
        raise Failed(text)


def first_run(kind: str, python: str, arguments: Sequence[str]) -> Trial:
    """The first run of a session. Raises Failed."""
    benchmark = session(kind, python, arguments)
    if not benchmark["runs"]:
        raise Failed(benchmark["reason"])
    run: Trial = benchmark["runs"][0]
    return run


def said(command: Sequence[str], allowed: Sequence[int] = (0,)) -> str:
    """What a command printed. Raises Failed for another exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    ended = subprocess.run(
        command, env=environment | CPU_ONLY, cwd=STEPS, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if ended.returncode not in allowed:
        raise Failed(f"exit status {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def in_words(trial: Trial) -> str:
    number = "" if trial["log"] is None else f" {percent(trial['log'])}"
    return f"{trial['kind']}: {trial['outcome']}{number}, {trial['time_s']:.0f} s"


def read(file: Path) -> list[Trial]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    main()
