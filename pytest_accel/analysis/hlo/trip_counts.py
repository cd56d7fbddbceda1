"""How often the loops of a program run, as far as its text tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accel.analysis.hlo.program_text import Computation, Instruction, Program

_KNOWN = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_DIRECTION = re.compile(r"\bdirection=(LT|LE|GT|GE|NE)\b")
_INDEX = re.compile(r"\bindex=(\d+)")
_MIRRORED = {"LT": "GT", "LE": "GE", "GT": "LT", "GE": "LE", "NE": "NE"}
_HANDS_ON = ("copy", "bitcast", "convert", "reshape", "copy-start", "copy-done")


@dataclass(frozen=True)
class _StateElement:
    """An element of the tuple that a loop carries from one iteration to the next."""

    index: int


_Value = int | _StateElement | None
"""What is known of a scalar: a constant, an element of the loop's state, or nothing."""


@dataclass(frozen=True)
class _Scope:
    """A computation, with what is known of its parameters by their number."""

    computation: Computation
    parameters: Mapping[int, _Value]


def trip_count(program: Program, where: Computation, loop: Instruction) -> int | None:
    """Iterations of a ``while`` in the computation ``where``; None where they depend on data.

    Known are loops that the compiler annotates, and those that count a scalar from a constant to a constant
    in steps of a constant.
    """
    known = _KNOWN.search(loop.attributes)
    if known:
        return int(known[1])
    condition = program.computations[loop.calls("condition") or ""]
    body = program.computations[loop.calls("body") or ""]
    compared = _comparison(program, condition)
    if compared is None:
        return None
    index, direction, limit = compared
    step = _step(program, body, index)
    start = _start(where, loop, index)
    if not step or start is None:
        return None
    return _iterations(start, step, limit, direction)


def _iterations(start: int, step: int, limit: int, direction: str) -> int | None:
    """Of ``for (i = start; i DIRECTION limit; i += step)``; None for one that never ends."""
    if direction == "NE":
        distance = limit - start
        return distance // step if distance % step == 0 and distance // step >= 0 else None
    upwards = direction in ("LT", "LE")
    distance = (limit - start if upwards else start - limit) + (direction in ("LE", "GE"))
    if distance <= 0:
        return 0
    return -(-distance // abs(step)) if (step > 0) == upwards else None


def _comparison(program: Program, condition: Computation) -> tuple[int, str, int] | None:
    """Which element of the loop's state is compared, how, and with what constant."""
    found = _computed_by(program, condition, condition.root)
    if found is None or found[1].opcode != "compare":
        return None
    scope, compare = found
    direction = _DIRECTION.search(compare.attributes)
    left, right = (_value(scope, name) for name in compare.operands)
    if direction and isinstance(left, _StateElement) and isinstance(right, int):
        return left.index, direction[1], right
    if direction and isinstance(right, _StateElement) and isinstance(left, int):
        return right.index, _MIRRORED[direction[1]], left
    return None


def _step(program: Program, body: Computation, index: int) -> int | None:
    """What one iteration adds to an element of the state; None if it is not a constant."""
    name = _tuple_element(body, body.root, index)
    found = _computed_by(program, body, name) if name else None
    if found is None or found[1].opcode not in ("add", "subtract"):
        return None
    scope, sum_ = found
    left, right = (_value(scope, operand) for operand in sum_.operands)
    if left == _StateElement(index) and isinstance(right, int):
        return right if sum_.opcode == "add" else -right
    if right == _StateElement(index) and isinstance(left, int) and sum_.opcode == "add":
        return left
    return None


def _start(where: Computation, loop: Instruction, index: int) -> int | None:
    name = _tuple_element(where, loop.operands[0], index)
    found = _value(_Scope(where, {}), name) if name else None
    return found if isinstance(found, int) else None


def _tuple_element(where: Computation, name: str, index: int) -> str | None:
    instruction = where.instructions.get(name)
    if instruction is None or instruction.opcode != "tuple" or index >= len(instruction.operands):
        return None
    return instruction.operands[index]


def _computed_by(program: Program, where: Computation, name: str) -> tuple[_Scope, Instruction] | None:
    """The operation that a value comes from, inside of fusions and calls too."""
    scope = _Scope(where, {})
    while True:
        instruction = scope.computation.instructions[name]
        if instruction.opcode in _HANDS_ON:
            name = instruction.operands[0]
        elif instruction.opcode in ("fusion", "call"):
            called = instruction.calls("calls") or instruction.calls("to_apply")
            if called is None or called not in program.computations:
                return None
            values = {number: _value(scope, operand) for number, operand in enumerate(instruction.operands)}
            scope = _Scope(program.computations[called], values)
            name = scope.computation.root
        else:
            return scope, instruction


def _value(scope: _Scope, name: str) -> _Value:
    while True:
        instruction = scope.computation.instructions[name]
        if instruction.opcode == "constant":
            return int(instruction.arguments) if instruction.arguments.lstrip("-").isdigit() else None
        if instruction.opcode == "parameter":
            return scope.parameters.get(int(instruction.arguments))
        if instruction.opcode == "get-tuple-element":
            index = _INDEX.search(instruction.attributes)
            source = scope.computation.instructions[instruction.operands[0]]
            return _StateElement(int(index[1])) if index and source.opcode == "parameter" else None
        if instruction.opcode not in _HANDS_ON:
            return None
        name = instruction.operands[0]
