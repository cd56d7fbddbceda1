"""What can be done about a verdict: every next step, in the words that follow "to". Pure."""

from __future__ import annotations

from pytest_accel.records import NextStep

LONG_WAIT = "--accel-wait=600"

AGAIN = NextStep("run it again")
COMPARE = NextStep("compare with it from now on")
CALIBRATE = NextStep("measure what this machine supports", command="pytest-accel calibrate")
WITHOUT_SESSION_BUDGET = NextStep("measure it without a limit", without=("--accel-session-budget",))
IN_ITS_OWN_PROCESS = NextStep("measure it in processes of its own", without=("--accel-in-process",))
WAIT_FOR_QUIET = NextStep("wait longer for a quiet machine", (LONG_WAIT,))
HERE = NextStep(
    "run it in pytest's own process, where its output is seen",
    ("--accel-in-process", "-s"),
    without=("--accel-runs", "--accel-against", "--accel-topology"),
)


def record(runs: int) -> NextStep:
    """Record a first baseline of this many runs."""
    return NextStep("record it", ("--accel-record-missing", _runs(runs)))


def accept(runs: int) -> NextStep:
    """Take what was measured for the new baseline."""
    return NextStep("accept it, if it is meant to be", ("--accel-update-baselines", _runs(runs)))


def record_when_quiet(runs: int) -> NextStep:
    """Record a baseline again whose runs were disturbed."""
    return NextStep(
        "record the baseline on a quiet machine", ("--accel-update-baselines", _runs(runs), LONG_WAIT)
    )


def record_longer_runs(runs: int) -> NextStep:
    """Record a baseline again whose runs were cut short by a small budget."""
    return NextStep(
        "record the baseline with longer runs",
        ("--accel-update-baselines", _runs(runs)),
        without=("--accel-budget",),
    )


def more_runs(runs: int) -> NextStep:
    """Compare with this many runs."""
    return NextStep("take more runs", (_runs(runs),))


def longer_pairs(budget_s: float) -> NextStep:
    """Compare two environments for longer."""
    return NextStep("measure for longer", (f"--accel-budget={budget_s:g}",))


def see_plots(file: str = "accel.html") -> NextStep:
    """See every run of both environments."""
    return NextStep("see its runs in plots", (f"--accel-html={file}",))


def _runs(runs: int) -> str:
    return f"--accel-runs={runs}"
