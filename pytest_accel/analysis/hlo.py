"""The operations in the text of an optimized program (XLA's HLO), counted by category. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pytest_accel.records import Operations

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
"""Exchanges between devices."""

CATEGORIES = (
    "convolutions",
    "convolution fusions",
    "other fusions",
    "copies",
    "custom calls",
    "loops",
    *COLLECTIVES,
)
"""What is counted. A convolution counts on its own as well as the fusion that it is part of; copies change
where or in what layout a value lies."""

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (.*)$")
_OPCODE = re.compile(r" ([a-z][a-z0-9\-]*)\(")
_CALLED = re.compile(r"(?:calls|to_apply|condition)=%?([\w.\-]+)")
_COUNTED_TO = re.compile(r"^s32\[\]\S* constant\((\d+)\)")
_SHAPE = re.compile(r"\b(pred|token|opaque|[a-z]+?(\d+)[a-z0-9]*)\[([\d,]*)\]")

_PLAIN = {
    "convolution": "convolutions",
    "copy": "copies",
    "copy-start": "copies",
    "transpose": "copies",
    "custom-call": "custom calls",
    "while": "loops",
    **{name: name for name in COLLECTIVES},
    **{f"{name}-start": name for name in COLLECTIVES},
}


_CONTEXTS = {"copy-start": 1, "collective-permute-start": 2, "all-gather-start": 0}
"""The start of an asynchronous collective yields its operands, its results and this many contexts."""


class _Instruction(NamedTuple):
    computation: str
    opcode: str
    bytes: int
    called: str | None
    text: str


def operations(text: str) -> dict[str, Operations]:
    """Every category of ``CATEGORIES`` that is there, with the bytes that its operations produce.

    What is inside of a fusion never gets a place in memory: only its convolutions and collectives are
    counted. A collective that goes on during other fusions is in each of them, and counts where it begins.
    What is inside of a loop counts once.
    """
    instructions = list(_instructions(text))
    fused = {instruction.called for instruction in instructions if instruction.opcode == "fusion"}
    beginning = {one.computation for one in instructions if '"AsyncCollectiveStart"' in one.text}
    convolving = {one.computation for one in instructions if one.opcode == "convolution"}
    counts: dict[str, Operations] = {}
    for one in instructions:
        if one.computation in fused:
            category = _fused_category(one, beginning)
        elif one.opcode == "fusion":
            category = "convolution fusions" if one.called in convolving else "other fusions"
        else:
            category = _PLAIN.get(one.opcode)
        if category is not None:
            before = counts.get(category, Operations(0, 0))
            counts[category] = Operations(before.count + 1, before.bytes + one.bytes)
    return {category: counts[category] for category in CATEGORIES if category in counts}


def loops(text: str) -> tuple[int | None, ...]:
    """How often each loop of a program runs, None where it does not count to a constant."""
    instructions = list(_instructions(text))
    counts: dict[str, list[int]] = {}
    for one in instructions:
        constant = _COUNTED_TO.match(one.text)
        if constant:
            counts.setdefault(one.computation, []).append(int(constant[1]))
    found = [
        counts.get(str(instruction.called), [])
        for instruction in instructions
        if instruction.opcode == "while"
    ]
    return tuple(known[0] if len(known) == 1 else None for known in found)


def loop_iterations(counts: Iterable[int | None]) -> int:
    """Of all loops together; one that does not count to a constant is taken to run once."""
    return sum(1 if count is None else count for count in counts)


def _fused_category(instruction: _Instruction, beginning: set[str]) -> str | None:
    if instruction.opcode == "convolution":
        return "convolutions"
    once = "chain_id=" not in instruction.text or instruction.computation in beginning
    return instruction.opcode if instruction.opcode in COLLECTIVES and once else None


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
            called_name = called[1] if called else None
            yield _Instruction(computation, opcode[1], _bytes(shape, opcode[1]), called_name, match[1])


def _bytes(shape: str, opcode: str) -> int:
    """Of an array, or of all arrays of a tuple; ``bf16[128,112]{1,0:T(8,128)}`` has 2 bytes an element."""
    arrays = _SHAPE.findall(re.sub(r"\{[^{}]*\}", "", shape))
    if opcode in _CONTEXTS:
        operands = (len(arrays) - _CONTEXTS[opcode]) // 2
        arrays = arrays[operands : 2 * operands]
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size) * _element_bits(kind, bits) // 8
        for kind, bits, sizes in arrays
    )


def _element_bits(kind: str, bits: str) -> int:
    return 8 if kind == "pred" else int(bits or 0)


def collectives(counted: Mapping[str, Operations]) -> Operations:
    """All collectives together."""
    found = [counted[name] for name in COLLECTIVES if name in counted]
    return Operations(sum(one.count for one in found), sum(one.bytes for one in found))
