"""Why a compiled program became another one: what to look at first, with its source line. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pytest_accel.analysis import formatting
from pytest_accel.analysis.hlo.operations import HOST_TRANSFERS
from pytest_accel.records import Operations, ProgramFacts

MIN_SHARE = 0.1
"""Of the largest cause: what weighs less is not named."""

MIN_MEMORY_SHARE = 0.01
"""Of the peak: what a part of memory gained or lost beyond that is named."""

MIN_SHARE_AT_LINE = 0.01
"""Of what one source line costs: a kind of operation that weighs less is not named."""

MAX_CAUSES, MAX_KINDS_AT_LINE = 4, 3

ROUNDING = 1e-6
"""Relative: files keep fewer digits than that."""

SAME_BODY = 0.2
"""Relative: loop bodies that differ by less do the same work."""

SAME = 0.001
"""Relative: times of source lines that differ by less are the same."""

_NONE = Operations(0, 0)


LEAD = 2.0
"""A loop that runs more often, and padding, stand before operations of up to twice their weight: they are
what makes those cost more."""


class Cause(NamedTuple):
    """A phrase, and its weight in seconds of the step or in bytes of memory. ``lead`` is for its place."""

    weight: float
    phrase: str
    lead: float = 1.0


class _Kind(NamedTuple):
    """What one kind of operation takes more, and where most of that is, if it is known."""

    name: str
    weight: float
    counts: str
    line: str | None

    @property
    def is_host_transfer(self) -> bool:
        return self.name.startswith(HOST_TRANSFERS)

    def phrase(self, *, with_line: bool) -> str:
        at = f", most of it at {self.line}" if with_line and self.line else ""
        return f"{self.name}{self.counts} ({_signed_time(self.weight)}{at})"


def causes(now: ProgramFacts, before: ProgramFacts) -> tuple[str, ...]:
    """Phrases for what moved the modelled step time, then for what moved memory, the heaviest first.

    Transfers between host and device are always named: how long they wait for the host, no model knows.
    """
    kinds = list(_kinds(now, before))
    host = [kind.phrase(with_line=True) for kind in kinds if kind.is_host_transfer]
    here = [kind for kind in kinds if not kind.is_host_transfer]
    of_time = [*_loops(now, before), *_padding(now, before), *_by_line(here)]
    of_memory = list(_memory(now, before))
    named = [*host, *_heaviest(of_time), *_heaviest(of_memory)]
    return tuple(dict.fromkeys(named))


def signed_percent(share: float) -> str:
    """Such as ``+3.2%``."""
    return f"{100 * share:+.1f}%"


def _heaviest(found: list[Cause]) -> list[str]:
    found = sorted(found, key=lambda cause: -abs(cause.weight) * cause.lead)
    least = MIN_SHARE * max((abs(cause.weight) for cause in found), default=0.0)
    return [cause.phrase for cause in found if abs(cause.weight) >= least][:MAX_CAUSES]


def _by_line(kinds: Sequence[_Kind]) -> Iterator[Cause]:
    """One change of a line makes operations of several kinds: those that it is to blame for go together."""
    for line in dict.fromkeys(kind.line for kind in kinds):
        here = sorted((kind for kind in kinds if kind.line == line), key=lambda kind: -kind.weight)
        total_s = math.fsum(kind.weight for kind in here)
        named = [kind for kind in here if kind.weight >= MIN_SHARE_AT_LINE * total_s][:MAX_KINDS_AT_LINE]
        if line is None or len(named) == 1:
            yield from (Cause(kind.weight, kind.phrase(with_line=True)) for kind in here)
        else:
            phrases = [kind.phrase(with_line=False) for kind in named]
            yield Cause(total_s, f"{_listed(phrases)}, most of it at {line}")


def _listed(phrases: Sequence[str]) -> str:
    """Two or more, such as "a, b and c"."""
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _kinds(now: ProgramFacts, before: ProgramFacts) -> Iterator[_Kind]:
    for kind in {**before.operations, **now.operations}:
        old, new = before.operations.get(kind, _NONE), now.operations.get(kind, _NONE)
        gained_s = new.time_s - old.time_s
        if old.count == new.count and math.isclose(old.time_s, new.time_s, rel_tol=ROUNDING):
            continue
        counts = f" {old.count} -> {new.count}" if old.count != new.count else ""
        line = _grown_line(new.times_s_by_line, old.times_s_by_line) if gained_s > 0 else None
        yield _Kind(kind, gained_s, counts, line)


def _loops(now: ProgramFacts, before: ProgramFacts) -> Iterator[Cause]:
    """Loops that run more or less often; the way forward and the way back through a loop are one.

    Where the cost of the body changed too, the loop was unrolled or rewritten, and its count says little.
    """
    if len(now.loop_bodies) != len(before.loop_bodies):
        return
    gained_s: dict[str, float] = {}
    for old, new, old_body, body in zip(
        before.loops, now.loops, before.loop_bodies, now.loop_bodies, strict=False
    ):
        same_body = math.isclose(old_body.time_s, body.time_s, rel_tol=SAME_BODY)
        if old is not None and new is not None and old != new and same_body:
            where = f"the loop at {body.source_line}" if body.source_line else f"the loop {body.op_name}"
            phrase = f"{where} {old} -> {new} iterations"
            gained_s[phrase] = gained_s.get(phrase, 0.0) + (new - old) * body.time_s
    for phrase, seconds in gained_s.items():
        yield Cause(seconds, f"{phrase} ({_signed_time(seconds)})", LEAD)


def _padding(now: ProgramFacts, before: ProgramFacts) -> Iterator[Cause]:
    """Where more than half of what more is moved fills up tiles."""
    filled = _gained(now, before, lambda each: each.padding_bytes)
    moved = _gained(now, before, lambda each: each.bytes + each.padding_bytes)
    if moved > 0 and filled > 0.5 * moved:
        gained_s = _gained(now, before, lambda each: each.time_s)
        yield Cause(gained_s, f"padding of arrays to whole tiles ({_signed_bytes(filled)} moved)", LEAD)


def _gained(now: ProgramFacts, before: ProgramFacts, of: Callable[[Operations], float]) -> float:
    """By how much more all operations of a step add up to."""
    new, old = (math.fsum(map(of, facts.operations.values())) for facts in (now, before))
    return new - old


def _memory(now: ProgramFacts, before: ProgramFacts) -> Iterator[Cause]:
    least = MIN_MEMORY_SHARE * before.peak_memory_bytes
    for name, phrase in (
        ("argument_bytes", "arguments"),
        ("result_bytes", "results"),
        ("temporary_bytes", "temporary values"),
    ):
        gained = getattr(now, name) - getattr(before, name)
        if abs(gained) > least:
            yield Cause(gained, f"{phrase} {_signed_bytes(gained)}")
    lost = before.aliased_bytes - now.aliased_bytes
    if lost > least:
        size = formatting.quantity("_bytes", lost)
        yield Cause(lost, f"{size} of the state no longer reused (donation lost?)")


def _grown_line(now: Mapping[str, float], before: Mapping[str, float]) -> str | None:
    """The source line that takes most more time. Lines move when a file is edited: equal times are alike."""
    old = sorted(before.values())
    rest: dict[str, float] = {}
    for line, time_s in now.items():
        same = next((each for each in old if abs(each - time_s) <= SAME * time_s), None)
        if same is None:
            rest[line] = time_s - before.get(line, 0.0)
        else:
            old.remove(same)
    return max(rest, key=rest.__getitem__, default=None)


def _signed_time(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '-'}{formatting.quantity('step_time_s', abs(seconds))}"


def _signed_bytes(count: float) -> str:
    return f"{'+' if count >= 0 else '-'}{formatting.quantity('_bytes', abs(count))}"
