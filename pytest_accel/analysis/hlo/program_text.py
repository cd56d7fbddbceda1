"""The text of an optimized program (XLA's HLO) as computations and instructions. Pure.

The format: openxla/xla, ``xla/hlo/parser/hlo_parser.cc`` and the printer in ``hlo_instruction.cc``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_accel.analysis.hlo.shapes import Array, arrays

_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (.*)$")
_NAME = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"\b(calls|to_apply|condition|body|true_computation|false_computation)=%?([\w.\-]+)")
_CALLED_LIST = re.compile(r"\b(branch_computations|called_computations)=\{([^}]*)\}")
_FRAME = re.compile(r"\bstack_frame_id=(\d+)")
_SOURCE = re.compile(r'\bsource_file="([^"]*)"(?: source_line=(\d+))?')
_OP_NAME = re.compile(r'\bop_name="([^"]*)"')
_OURS = re.compile(r"[\\/]pytest_accel[\\/]frameworks[\\/]xla[\\/]")
"""Where programs of others are put together: no line of the user's."""

_NUMBERED = re.compile(r"^(\d+) (.*)$")
_TABLES = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")


@dataclass(frozen=True)
class Instruction:
    """One operation. ``operands`` name instructions of its computation, ``called`` computations."""

    name: str
    opcode: str
    results: tuple[Array, ...]
    operands: tuple[str, ...]
    arguments: str
    attributes: str
    called: tuple[tuple[str, str], ...]

    def calls(self, role: str) -> str | None:
        """The computation that it calls as ``role``, such as "body"."""
        return next((name for known, name in self.called if known == role), None)

    @property
    def op_name(self) -> str:
        """Where the framework says it comes from, such as ``jit(step)/while/body/dot_general``."""
        match = _OP_NAME.search(self.attributes)
        return match[1] if match else ""


@dataclass(frozen=True)
class Computation:
    """Instructions by name, in their order; ``root`` is the one whose value it gives."""

    name: str
    instructions: Mapping[str, Instruction]
    root: str

    @property
    def parameters(self) -> list[Instruction]:
        """In the order of their numbers."""
        found = [one for one in self.instructions.values() if one.opcode == "parameter"]
        return sorted(found, key=lambda one: int(one.arguments))


@dataclass(frozen=True)
class Program:
    """Computations by name; ``entry`` runs. ``lines`` are places in source files by number of stack frame."""

    computations: Mapping[str, Computation]
    entry: str
    lines: Mapping[int, str] = field(default_factory=dict)

    def source_line(self, instruction: Instruction) -> str | None:
        """Such as ``model.py:12``, without folders; None where the framework did not say."""
        frame = _FRAME.search(instruction.attributes)
        if frame and int(frame[1]) in self.lines:
            return self.lines[int(frame[1])]
        source = _SOURCE.search(instruction.attributes)
        return f"{_file_name(source[1])}:{source[2]}" if source and source[2] else None


def parse(text: str) -> Program:
    """Raises ValueError for text without an entry computation."""
    computations: dict[str, Computation] = {}
    tables: dict[str, dict[int, str]] = {}
    entry, table = None, None
    name, root = "", ""
    instructions: dict[str, Instruction] = {}
    for line in text.splitlines():
        if line in _TABLES:
            table = tables.setdefault(line, {})
        elif begins := _COMPUTATION.match(line):
            table = None
            name, root, instructions = begins[2], "", {}
            entry = name if begins[1] else entry
        elif line.startswith("}") and name:
            computations[name] = Computation(name, instructions, root or next(reversed(instructions), ""))
            name = ""
        elif table is not None and (numbered := _NUMBERED.match(line)):
            table[int(numbered[1])] = numbered[2]
        elif name and (match := _INSTRUCTION.match(line)):
            instruction = _instruction(match[2], match[3])
            if instruction is not None:
                instructions[instruction.name] = instruction
                root = instruction.name if match[1] else root
    if entry is None:
        raise ValueError("no program in HLO text: it has no ENTRY computation")
    return Program(computations, entry, _lines(tables))


def _instruction(name: str, text: str) -> Instruction | None:
    """``f32[4]{0} add(%x, %y), metadata={...}``: a shape, an opcode, operands, attributes."""
    shape_end = _closing(text, 0) + 1 if text.startswith("(") else text.find(" ")
    match = re.match(r"\s*([a-z][a-z0-9\-]*)\(", text[shape_end:])
    if shape_end <= 0 or match is None:
        return None
    opened = shape_end + match.end() - 1
    closed = _closing(text, opened)
    arguments, attributes = text[opened + 1 : closed], text[closed + 1 :]
    called = [(role, known) for role, known in _CALLED.findall(attributes)]
    for role, names in _CALLED_LIST.findall(attributes):
        called += [(role, known) for known in _NAME.findall(names)]
    return Instruction(
        name,
        match[1],
        arrays(text[:shape_end]),
        () if match[1] == "constant" else tuple(_NAME.findall(arguments)),
        arguments,
        attributes,
        tuple(called),
    )


def _closing(text: str, opened: int) -> int:
    """Where the bracket that is opened there is closed."""
    depth = 0
    for match in re.compile(r"[()]").finditer(text, opened):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.start()
    return len(text)


def _lines(tables: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    files = {number: text.strip('"') for number, text in tables.get("FileNames", {}).items()}
    locations = {}
    for number, text in tables.get("FileLocations", {}).items():
        match = re.search(r"file_name_id=(\d+).*\bline=(\d+)", text)
        if match and int(match[1]) in files and not _OURS.search(files[int(match[1])]):
            locations[number] = f"{_file_name(files[int(match[1])])}:{match[2]}"
    lines = {}
    for number, text in tables.get("StackFrames", {}).items():
        match = re.search(r"file_location_id=(\d+)", text)
        if match and int(match[1]) in locations:
            lines[number] = locations[int(match[1])]
    return lines


def _file_name(path: str) -> str:
    return re.split(r"[\\/]", path)[-1]
