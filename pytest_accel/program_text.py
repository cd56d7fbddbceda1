"""The operations in the text of an optimized program (XLA's HLO), counted by category. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_accel.records import Operations

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
"""Exchanges between devices."""

CATEGORIES = ("convolutions", "convolution fusions", "other fusions", "copies", "custom calls", *COLLECTIVES)
"""What is counted. A convolution counts on its own as well as the fusion that it is part of; copies change
where or in what layout a value lies."""

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (.*)$")
_OPCODE = re.compile(r" ([a-z][a-z0-9\-]*)\(")
_CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")
_SHAPE = re.compile(r"\b(pred|token|opaque|[a-z]+?(\d+)[a-z0-9]*)\[([\d,]*)\]")

_PLAIN = {
    "convolution": "convolutions",
    "copy": "copies",
    "copy-start": "copies",
    "transpose": "copies",
    "custom-call": "custom calls",
    **{name: name for name in COLLECTIVES},
    **{f"{name}-start": name for name in COLLECTIVES},
}


class _Instruction(NamedTuple):
    computation: str
    opcode: str
    bytes: int
    called: str | None


def operations(text: str) -> dict[str, Operations]:
    """Every category of ``CATEGORIES`` that is there, with the bytes that its operations produce.

    What is inside of a fusion never gets a place in memory: only its convolutions are counted.
    """
    instructions = list(_instructions(text))
    fused = {one.called for one in instructions if one.opcode == "fusion"}
    convolving = {one.computation for one in instructions if one.opcode == "convolution"}
    counts: dict[str, Operations] = {}
    for one in instructions:
        category = _category(one, fused, convolving)
        if category is not None:
            before = counts.get(category, Operations(0, 0))
            counts[category] = Operations(before.count + 1, before.bytes + one.bytes)
    return {category: counts[category] for category in CATEGORIES if category in counts}


def _category(one: _Instruction, fused: set[str | None], convolving: set[str]) -> str | None:
    if one.computation in fused:
        return "convolutions" if one.opcode == "convolution" else None
    if one.opcode == "fusion":
        return "convolution fusions" if one.called in convolving else "other fusions"
    return _PLAIN.get(one.opcode)


def _instructions(text: str) -> Iterator[_Instruction]:
    computation = ""
    for line in text.splitlines():
        begins = _COMPUTATION.match(line)
        if begins:
            computation = begins[1]
            continue
        match = _INSTRUCTION.match(line)
        opcode = _OPCODE.search(f" {match[1]}") if match else None
        if match and opcode:
            called = _CALLED.search(match[1])
            shape = match[1][: opcode.start()]
            yield _Instruction(computation, opcode[1], _bytes(shape), called[1] if called else None)


def _bytes(shape: str) -> int:
    """Of an array, or of all arrays of a tuple; ``bf16[128,112]{1,0:T(8,128)}`` has 2 bytes an element."""
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size) * _element_bits(kind, bits) // 8
        for kind, bits, sizes in _SHAPE.findall(re.sub(r"\{[^{}]*\}", "", shape))
    )


def _element_bits(kind: str, bits: str) -> int:
    return 8 if kind == "pred" else int(bits or 0)


def collectives(counted: Mapping[str, Operations]) -> Operations:
    """All exchanges between devices together."""
    found = [counted[name] for name in COLLECTIVES if name in counted]
    return Operations(sum(one.count for one in found), sum(one.bytes for one in found))
