"""Step times of the same benchmarks in several results, as benchstat shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.formatting import one_line, percent, quantity
from pytest_accel.analysis.metrics.steps import step_time_s
from pytest_accel.analysis.rules import step_time
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE
from pytest_accel.analysis.rules.disturbance import MIN_CLEAN_BLOCKS, clean_blocks, is_disturbed
from pytest_accel.analysis.rules.policy import Policy
from pytest_accel.analysis.rules.run_lengths import enough_blocks, fewest_blocks, truncate_to_same_blocks
from pytest_accel.analysis.rules.variance import MIN_RUN_SD, sd_for_few_blocks
from pytest_accel.records import Kind, Steps


@dataclass(frozen=True)
class Timed:
    """The runs of one benchmark, and the hash of its work."""

    work: object
    runs: Sequence[Steps]


@dataclass(frozen=True)
class Side:
    """What one file or folder has: its name, the kind of its hardware, and benchmarks by name."""

    name: str
    kind: Kind
    benchmarks: Mapping[str, Timed]


@dataclass(frozen=True)
class Change:
    """One benchmark on two sides: step times (s), the relative change with its interval, and what it means.

    Times are of what is compared: as many blocks of each run, without those that other programs disturbed.

    ``change`` and ``interval`` are None where the two did different work.
    """

    benchmark: str
    reference: str
    candidate: str
    reference_s: float
    candidate_s: float
    change: float | None
    interval: tuple[float, float] | None
    verdict: str


def changes(sides: Sequence[Side]) -> list[Change]:
    """Every side against the first one, for the benchmarks that both have, in the order of the first."""
    if not sides:
        return []
    reference, *candidates = sides
    return [
        _change(name, reference, candidate)
        for candidate in candidates
        for name in reference.benchmarks
        if name in candidate.benchmarks
    ]


def _change(name: str, reference: Side, candidate: Side) -> Change:
    old, new = reference.benchmarks[name], candidate.benchmarks[name]
    names = (name, reference.name, candidate.name)
    if old.work != new.work:
        return Change(*names, step_time_s(old.runs), step_time_s(new.runs), None, None, "other work")
    before = _cleaned(old.runs)
    now = _cleaned(new.runs, enough_blocks(fewest_blocks(before, [])))
    now, before = truncate_to_same_blocks(now, before)
    times_s = step_time_s(before), step_time_s(now)
    expected_sd = sd_for_few_blocks(MIN_RUN_SD[candidate.kind], fewest_blocks(now, before))
    ratio = step_time.change(now, before, Policy(0.0, 1, 1, expected_sd, assumed=True))
    low, high = ratio.interval(CHANGE_CONFIDENCE)
    verdict = "slower" if low > 0 else "faster" if high < 0 else "no clear change"
    if verdict != "no clear change" and any(map(is_disturbed, (*now, *before))):
        verdict = "disturbed by other programs"
    return Change(*names, *times_s, ratio.change, (low, high), verdict)


def _cleaned(runs: Sequence[Steps], enough: int = MIN_CLEAN_BLOCKS) -> list[Steps]:
    """Without disturbed blocks, and without disturbed runs where there are others."""
    cleaned = [clean_blocks(run, enough) for run in runs]
    return [run for run in cleaned if not is_disturbed(run)] or cleaned


def table(found: Iterable[Change]) -> str:
    """A table for each two sides."""
    by_sides: dict[tuple[str, str], list[Change]] = {}
    for change in found:
        by_sides.setdefault((change.reference, change.candidate), []).append(change)
    return "\n\n".join(_table(*sides, some) for sides, some in by_sides.items())


def _table(reference: str, candidate: str, some: Sequence[Change]) -> str:
    from tabulate import tabulate

    heads = (
        "step time",
        one_line(reference),
        one_line(candidate),
        f"change [{CHANGE_CONFIDENCE:.0%} interval]",
        "verdict",
    )
    rows = [
        (
            one_line(change.benchmark),
            quantity("step_time_s", change.reference_s),
            quantity("step_time_s", change.candidate_s),
            _shown(change),
            change.verdict,
        )
        for change in some
    ]
    return tabulate(rows, heads, disable_numparse=True, colalign=["left", "right", "right", "right", "left"])


def _shown(change: Change) -> str:
    if change.change is None or change.interval is None:
        return "-"
    return f"{percent(change.change)}% [{', '.join(map(percent, change.interval))}]"
