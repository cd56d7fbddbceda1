"""What devices exchange: which collectives an instruction begins, their bytes, among how many. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_accel.analysis.hlo.program_text import Computation, Instruction, Program

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")

_OF_LISTS = re.compile(r"replica_groups=\{\{([\d,]*)\}")
_OF_IOTA = re.compile(r"replica_groups=\[(\d+),(\d+)\]<=")
_OF_MESH = re.compile(r"replica_groups=mesh\[([^\]]*)\] ?\{([^}]*)\}")
_AXIS = re.compile(r"'([^']*)'=(\d+)")


@dataclass(frozen=True)
class Exchange:
    """One collective: ``bytes`` are those of its result on a device, among ``devices`` of a group."""

    name: str
    bytes: int
    devices: int

    @property
    def sent_bytes(self) -> float:
        """What a device sends at least: algorithms on a ring (Thakur et al. 2005) reach it."""
        others = self.devices - 1
        return {
            "all-reduce": 2 * others / self.devices * self.bytes,
            "all-gather": others / self.devices * self.bytes,
            "all-to-all": others / self.devices * self.bytes,
            "reduce-scatter": float(others * self.bytes),
            "collective-permute": float(self.bytes),
        }[self.name]


def exchanges(program: Program, scope: Computation, one: Instruction, devices: int) -> Iterator[Exchange]:
    """The collectives that begin with ``one``. ``devices`` are in a group that names none.

    A collective that goes on during other fusions is in each of them, and counts where it begins.
    """
    name = one.opcode.removesuffix("-start")
    if name in COLLECTIVES:
        yield Exchange(name, _result_bytes(one), _group_size(one.attributes, devices))
    elif one.opcode == "fusion":
        called = program.computations[one.calls("calls") or ""]
        begins = any('"AsyncCollectiveStart"' in inner.attributes for inner in called.instructions.values())
        for inner in called.instructions.values():
            if begins or "chain_id=" not in inner.attributes:
                yield from exchanges(program, called, inner, devices)


def _result_bytes(one: Instruction) -> int:
    """The start of an asynchronous collective yields its operands, its results and contexts."""
    results = one.results
    if one.opcode in ("all-gather-start", "collective-permute-start") and len(results) > 1:
        operands = len(one.operands)
        results = results[operands : 2 * operands]
    return sum(array.logical_bytes for array in results)


def _group_size(attributes: str, devices: int) -> int:
    if lists := _OF_LISTS.search(attributes):
        return max(1, len([part for part in lists[1].split(",") if part]))
    if iota := _OF_IOTA.search(attributes):
        return int(iota[2])
    if mesh := _OF_MESH.search(attributes):
        sizes = {name: int(size) for name, size in _AXIS.findall(mesh[1])}
        return math.prod(sizes.get(name.strip("' "), 1) for name in mesh[2].split(","))
    return devices
