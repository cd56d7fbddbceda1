"""What can be done about a verdict: every next step, in the words that follow "to". Pure."""

from __future__ import annotations

import math

from pytest_accel.records import NextStep

ADVISED_RUNS = 3
"""Of a baseline: with fewer, the interval of every later comparison is wider."""

ADVISED_SEEDS = 5
"""Of a baseline of training: with fewer it is hardly known how much seeds differ."""

LONG_WAIT_S = 600.0

FROM_ITS_CODE = ", on the code that the baseline was recorded from"
"""An undecided comparison does not rule out that today's code is slower: a baseline of it would hide that."""

AGAIN = NextStep("run it again")
COMPARE = NextStep("compare with it from now on", without=("--accel-runs", "--accel-wait"))
CALIBRATE = NextStep("measure how small a change this machine can show", command="pytest-accel calibrate")
IN_ITS_OWN_PROCESS = NextStep("measure it in processes of its own")
WITHOUT_SESSION_BUDGET = NextStep(
    "measure it without that limit", without=("--accel-session-budget",), records_as_before=True
)
HERE = NextStep(
    "run it in pytest's own process, where its output is seen", ("--accel-in-process", "--accel-runs=1", "-s")
)


def record(runs: int) -> NextStep:
    """Record a first baseline of this many runs."""
    return NextStep("record it", ("--accel-record-missing", _runs(runs)))


def accept(runs: int) -> NextStep:
    """Take what was measured for the new baseline."""
    return _record_again("accept it, if it is intended", runs)


def record_when_quiet(runs: int, wait_s: float) -> NextStep:
    """Record a baseline whose runs were disturbed, though each of them waited for ``wait_s``."""
    return _record_again("record it on a quiet machine", runs, _longer_wait(wait_s))


def record_again_when_quiet(runs: int, wait_s: float) -> NextStep:
    """Replace a baseline whose runs were disturbed."""
    return _record_again(f"record it on a quiet machine{FROM_ITS_CODE}", runs, _longer_wait(wait_s))


def record_longer_runs(runs: int, budget_s: float) -> NextStep:
    """Replace a baseline, with a budget that gives its runs enough blocks."""
    return _record_again(f"record it with longer runs{FROM_ITS_CODE}", runs, _budget(budget_s))


def record_more_seeds(seeds: int) -> NextStep:
    """Replace a baseline by one that tells how much seeds differ."""
    return _record_again(f"record it with {seeds} seeds{FROM_ITS_CODE}", seeds)


def more_runs(runs: int) -> NextStep:
    """Compare with this many runs, or pairs, or seeds."""
    return NextStep("take more runs", (_runs(runs),))


def wait_longer(wait_s: float) -> NextStep:
    """Compare on a quiet machine, where waiting for ``wait_s`` was not enough."""
    return NextStep("wait longer for a quiet machine", (_longer_wait(wait_s),))


def longer_pairs(budget_s: float) -> NextStep:
    """Compare two environments for longer."""
    return NextStep("measure for longer", (_budget(budget_s),))


def wider_tolerance(tolerance: float) -> NextStep:
    """Ask for no more than the machine can show."""
    percentage = math.ceil(100 * tolerance)
    return NextStep(f"accept slowdowns up to {percentage}%", (f"--accel-tolerance={percentage}%",))


def see_plots(file: str) -> NextStep:
    """See every run of both environments."""
    return NextStep("see its runs in plots", (f"--accel-html={file}",))


def _record_again(purpose: str, runs: int, *options: str) -> NextStep:
    return NextStep(purpose, ("--accel-update-baselines", _runs(runs), *options))


def _runs(runs: int) -> str:
    return f"--accel-runs={runs}"


def _longer_wait(wait_s: float) -> str:
    return f"--accel-wait={max(LONG_WAIT_S, 2 * wait_s):g}"


def _budget(budget_s: float) -> str:
    return f"--accel-budget={10 * math.ceil(budget_s / 10)}"
