"""How much of the CPU programs outside of this session use. What Linux tells, in /proc.

Only what others did counts: threads of our own that wait for each other, or that a quota throttles, are part
of what is measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

MIN_WINDOW_S = 0.5
"""Shortest time to look at: the kernel counts in ticks of 10 ms, so a window of 0.5 s is known to 2%."""

UNSEEN_SLACK_CORES = 0.1
"""The kernel's two counts, of cores and of processes, differ by a few ticks: that is not a program."""


@dataclass(frozen=True)
class Usage:
    """What others used in a window: cores on average of those that we may use, and the largest of them."""

    cores: float
    of_cores: int
    largest: str | None = None
    largest_cores: float = 0.0

    @property
    def share(self) -> float:
        """Of the machine, as far as we may use it; from 0 to 1."""
        return min(1.0, self.cores / self.of_cores)

    def __str__(self) -> str:
        if self.largest is None:
            return f"programs that cannot be seen from here have {100 * self.cores:.0f}% of a core"
        return f"{self.largest} has {100 * self.largest_cores:.0f}% of a core"


class OtherPrograms:
    """Watches everything that is not ``root`` or a descendant of it, on the cores that ``root`` may use.

    Each call of ``usage`` is about the time since the last one that gave an answer.
    """

    def __init__(self, root: int | None = None) -> None:
        self._root = os.getpid() if root is None else root
        self._last = _snapshot(self._root)

    def usage(self) -> Usage | None:
        """Of the time since the last answer; None before MIN_WINDOW_S, and where /proc does not tell."""
        if self._last is None or time.monotonic() - self._last.at_s < MIN_WINDOW_S:
            return None
        now = _snapshot(self._root)
        if now is None:
            return None
        usage = _between(self._last, now)
        self._last = now
        return usage


@dataclass(frozen=True)
class _Snapshot:
    """CPU seconds since boot: of our cores, stolen by other guests, ours, and of each other process.

    Where there are cores that we may not use, others may have been busy there: they are in ``others_s`` only
    if they may use ours as well, and ``are_all_cores_ours`` is False.
    """

    at_s: float
    busy_s: float
    stolen_s: float
    own_s: float
    others_s: Mapping[int, float]
    names: Mapping[int, str]
    cores: int
    are_all_cores_ours: bool


def _between(before: _Snapshot, after: _Snapshot) -> Usage:
    window_s = after.at_s - before.at_s
    used_s = {pid: used_s - before.others_s.get(pid, 0.0) for pid, used_s in after.others_s.items()}
    seen_s = sum(used_s.values())
    stolen_s = after.stolen_s - before.stolen_s
    not_ours_s = max(0.0, after.busy_s - before.busy_s - (after.own_s - before.own_s))
    if not after.are_all_cores_ours:
        seen_s = min(seen_s, not_ours_s)
    unseen_s = not_ours_s - seen_s
    if unseen_s < UNSEEN_SLACK_CORES * window_s:
        unseen_s = 0.0
    cores = (seen_s + unseen_s + stolen_s) / window_s
    largest = max(used_s, key=used_s.__getitem__, default=None)
    if largest is None:
        return Usage(cores, after.cores)
    largest_s = min(used_s[largest], seen_s)
    if largest_s < unseen_s + stolen_s:
        return Usage(cores, after.cores)
    return Usage(cores, after.cores, f"{after.names[largest]} (pid {largest})", largest_s / window_s)


def _snapshot(root: int) -> _Snapshot | None:
    try:
        usable = os.sched_getaffinity(root)
        cores = _cores()
        processes = _processes()
    except (AttributeError, OSError, ValueError, IndexError):
        return None
    own = _descendants(root, processes)
    # A container may show cores under other numbers than the scheduler does: then all of them are ours.
    of_ours = [cores[number] for number in usable] if usable <= cores.keys() else [*cores.values()]
    are_all_ours = len(of_ours) == len(cores)
    return _Snapshot(
        time.monotonic(),
        sum(core.busy_s for core in of_ours),
        sum(core.stolen_s for core in of_ours),
        sum(processes[pid].own_and_ended_s for pid in own),
        {
            pid: process.own_s
            for pid, process in processes.items()
            if pid not in own and (are_all_ours or _may_use(pid, usable))
        },
        {pid: process.name for pid, process in processes.items()},
        len(usable),
        are_all_ours,
    )


def _may_use(pid: int, cores: Collection[int]) -> bool:
    """Whether a process may run on one of these cores; False for one that has ended."""
    try:
        return not os.sched_getaffinity(pid).isdisjoint(cores)
    except OSError:
        return False


@dataclass(frozen=True)
class _Core:
    """Seconds since boot that it was busy, and that other guests of the host took from it."""

    busy_s: float
    stolen_s: float


def _cores() -> dict[int, _Core]:
    """By their numbers."""
    cores = {}
    for line in (PROC / "stat").read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdecimal():
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            busy = user + nice + system + irq + softirq
            cores[int(name[3:])] = _Core(busy / _ticks_per_s(), steal / _ticks_per_s())
    return cores


@dataclass(frozen=True)
class _Process:
    """``own_and_ended_s`` has the CPU seconds of its children that have ended, too."""

    name: str
    parent: int
    own_s: float
    own_and_ended_s: float


def _processes() -> dict[int, _Process]:
    """All that can be seen. One that ends meanwhile is left out."""
    processes = {}
    for entry in os.scandir(PROC):
        if not entry.name.isdecimal():
            continue
        try:
            text = (PROC / entry.name / "stat").read_text(errors="replace")
        except OSError:
            continue
        # The name stands in parentheses, and may hold spaces and parentheses itself.
        start, _, rest = text.rpartition(")")
        fields = rest.split()
        parent, user, system, children_user, children_system = (int(fields[i]) for i in (1, 11, 12, 13, 14))
        own, ended = user + system, children_user + children_system
        processes[int(entry.name)] = _Process(
            start.partition("(")[2], parent, own / _ticks_per_s(), (own + ended) / _ticks_per_s()
        )
    return processes


def _descendants(root: int, processes: Mapping[int, _Process]) -> set[int]:
    """``root`` and all below it."""
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        if pid in processes and pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def _ticks_per_s() -> int:
    return os.sysconf("SC_CLK_TCK")
