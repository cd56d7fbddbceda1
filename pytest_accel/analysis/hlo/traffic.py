"""Arrays that an instruction reads and writes: slices where it takes no more, what is new where it updates.

A fusion that takes one layer's weights out of a stack, or puts one layer's gradients into it, moves that
layer; XLA's cost analysis does the same by the utilization of operands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from pytest_accel.analysis.hlo.program_text import Computation, Instruction, Program
from pytest_accel.analysis.hlo.shapes import Array

_TAKES_A_PART = ("dynamic-slice", "slice", "gather")


def moved(program: Program, scope: Computation, one: Instruction) -> list[Array]:
    """All arrays, or parts of arrays, that ``one`` reads or writes, each where it lies."""
    return [*_read(program, scope, one), *_written(program, scope, one)]


def _read(program: Program, scope: Computation, one: Instruction) -> Iterator[Array]:
    given = [scope.instructions[name].results for name in one.operands]
    if one.opcode == "slice-start":
        yield _placed(one.results[1], given[0][0])
    elif one.opcode in _TAKES_A_PART:
        yield _placed(one.results[0], given[0][0])
    elif one.opcode == "dynamic-update-slice":
        yield given[1][0]
    elif one.opcode == "fusion":
        called = _fused(program, one)
        for parameter, arrays in zip(called.parameters, given, strict=False):
            parts = _parts_taken(program, called, parameter.name, arrays)
            yield from arrays if parts is None or _elements(parts) >= _elements(arrays) else parts
    else:
        for arrays in given:
            yield from arrays


def _written(program: Program, scope: Computation, one: Instruction) -> Iterator[Array]:
    if one.opcode == "dynamic-update-slice":
        yield _placed(scope.instructions[one.operands[1]].results[0], one.results[0])
    elif one.opcode == "copy-start":
        yield one.results[0]
    elif one.opcode == "slice-start":
        yield one.results[1]
    elif one.opcode == "fusion":
        yield from _written_by_fusion(program, _fused(program, one), one.results)
    else:
        yield from one.results


def _parts_taken(
    program: Program, scope: Computation, name: str, given: Sequence[Array]
) -> list[Array] | None:
    """The slices that are taken of the value ``name``, None where something takes all of it."""
    if name == scope.root:
        return None
    parts: list[Array] = []
    for user in scope.instructions.values():
        if name not in user.operands:
            continue
        taken = _parts_taken_by(program, scope, user, name, given)
        if taken is None:
            return None
        parts += taken
    return parts


def _parts_taken_by(
    program: Program, scope: Computation, user: Instruction, name: str, given: Sequence[Array]
) -> list[Array] | None:
    first = user.operands[0] == name
    if first and user.opcode in _TAKES_A_PART:
        return [_placed(user.results[0], given[0])]
    if first and user.opcode == "dynamic-update-slice":
        return []  # what it does not update stays where it is
    if user.opcode == "bitcast":
        return _parts_taken(program, scope, user.name, given)
    if user.opcode != "fusion":
        return None
    called = _fused(program, user)
    parts: list[Array] = []
    for operand, parameter in zip(user.operands, called.parameters, strict=False):
        if operand == name:
            where = (scope, user.name) if _hands_on(called, parameter.name) else (called, parameter.name)
            taken = _parts_taken(program, *where, given)
            if taken is None:
                return None
            parts += taken
    return parts


def _hands_on(scope: Computation, name: str) -> bool:
    """Whether a computation gives back the value called ``name``, in another shape at most."""
    return _behind_bitcasts(scope, scope.root).name == name


def _behind_bitcasts(scope: Computation, name: str) -> Instruction:
    found = scope.instructions[name]
    while found.opcode == "bitcast":
        found = scope.instructions[found.operands[0]]
    return found


def _written_by_fusion(program: Program, scope: Computation, results: Sequence[Array]) -> Iterator[Array]:
    root = scope.instructions[scope.root]
    names = root.operands if root.opcode == "tuple" else (root.name,)
    if len(names) != len(results):  # a tuple of tuples
        yield from results
        return
    for name, result in zip(names, results, strict=True):
        yield _new_part(program, scope, name, result)


def _new_part(program: Program, scope: Computation, name: str, result: Array) -> Array:
    """What is new in ``result``: all of it, but for an array that is updated in place."""
    source = _behind_bitcasts(scope, name)
    if source.opcode == "dynamic-update-slice":
        return _placed(scope.instructions[source.operands[1]].results[0], result)
    if source.opcode == "fusion":
        called = _fused(program, source)
        if called.instructions[called.root].opcode != "tuple":
            return _new_part(program, called, called.root, result)
    return result


def _fused(program: Program, fusion: Instruction) -> Computation:
    return program.computations[fusion.calls("calls") or ""]


def _placed(part: Array, whole: Array) -> Array:
    return dataclasses.replace(part, memory_space=whole.memory_space)


def _elements(arrays: Sequence[Array]) -> int:
    return sum(array.elements for array in arrays)
