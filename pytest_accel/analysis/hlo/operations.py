"""The operations of a program that run by themselves: of what kind, how often, and what each costs. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.hlo import flops, traffic
from pytest_accel.analysis.hlo.exchanges import COLLECTIVES, Exchange, exchanges
from pytest_accel.analysis.hlo.program_text import Computation, Instruction, Program
from pytest_accel.analysis.hlo.trip_counts import trip_count

PREFETCHES = "prefetches"
"""Copies between the device's memory and the chip that go on during other operations."""

HOST_TRANSFERS = "host transfers"

_FREE = frozenset({
    "parameter", "get-tuple-element", "tuple", "bitcast", "constant", "after-all", "partition-id",
    "replica-id", "opt-barrier", "add-dependency", "domain", "copy-done", "slice-done", "async-done",
    "async-update", "all-gather-done", "all-reduce-done", "collective-permute-done", "send-done",
    "recv-done",
})  # fmt: skip
_CALLS = ("call", "async-start")
_FREE_CALLS = ("AllocateBuffer", "ConcatBitcast", "AsyncCollectiveDone", "AssumeGatherIndicesInBound")
"""Custom calls of the TPU's compiler that name memory or order, and do nothing."""

_PRECISION = re.compile(r"\boperand_precision=\{(\w+),(\w+)\}")
_TARGET = re.compile(r'\bcustom_call_target="([^"]*)"')
_STATED_FLOPS = re.compile(r'"cost_estimate":\{"flops":"(\d+)"')
_PLURALS = {"copy": "copies", "transpose": "copies", "copy-start": PREFETCHES, "slice-start": PREFETCHES}
_OWN_KIND = ("sort", "scatter", "gather", "reduce-window", "select-and-scatter", "rng-bit-generator", "fft")
_HOST_CALLS = ("callback", "MoveToHost", "MoveToDevice")


@dataclass(frozen=True)
class Product:
    """A matrix product or convolution: the element type of its operands, its precision and FLOPs."""

    kind: str
    dtype: str
    precision: str
    flops: float

    @property
    def name(self) -> str:
        """Such as ``matmuls bf16`` or ``convolutions f32 at highest precision``."""
        precision = "" if self.precision == "default" else f" at {self.precision} precision"
        return f"{self.kind} {self.dtype}{precision}"


@dataclass(frozen=True)
class Loop:
    """A loop of the program; ``iterations`` is None where they depend on data."""

    instruction: Instruction
    iterations: int | None


@dataclass(frozen=True)
class Operation:
    """An operation that runs ``runs`` times a step, in ``loops`` from the outer to the inner.

    The rest is of one time. ``vector_flops`` are those outside of products. ``hbm_bytes`` are read from and
    written to the device's memory, tiles filled up; ``logical_bytes`` are of elements, wherever they lie,
    and ``padding_bytes`` fill up their tiles. ``source_line`` is None where the framework did not say. A
    loop that does not count to a constant is taken to run once.
    """

    kind: str
    instruction: Instruction
    runs: int
    loops: tuple[Loop, ...]
    products: tuple[Product, ...]
    vector_flops: float
    hbm_bytes: float
    logical_bytes: float
    padding_bytes: float
    source_line: str | None
    exchanges: tuple[Exchange, ...]

    @property
    def flops(self) -> float:
        return self.vector_flops + math.fsum(product.flops for product in self.products)


def operations(program: Program, devices: int) -> Iterator[Operation]:
    """Of a step of a program that is compiled for this many ``devices``."""
    return _operations(program, program.computations[program.entry], devices, ())


def _operations(
    program: Program, scope: Computation, devices: int, loops: tuple[Loop, ...]
) -> Iterator[Operation]:
    for one in scope.instructions.values():
        if one.opcode == "while":
            inside = (*loops, Loop(one, trip_count(program, scope, one)))
            for role in ("body", "condition"):
                yield from _operations(program, program.computations[one.calls(role) or ""], devices, inside)
        elif one.opcode == "conditional":
            yield from _longest_branch(program, one, devices, loops)
        elif one.opcode in _CALLS:
            for _, name in one.called:
                yield from _operations(program, program.computations[name], devices, loops)
        elif one.opcode not in _FREE and _target(one) not in _FREE_CALLS:
            yield _operation(program, scope, one, devices, loops)


def _longest_branch(
    program: Program, conditional: Instruction, devices: int, loops: tuple[Loop, ...]
) -> list[Operation]:
    """Which one runs depends on data: the most expensive one counts."""
    branches = [
        list(_operations(program, program.computations[name], devices, loops))
        for _, name in conditional.called
    ]
    return max(branches, key=lambda some: math.fsum(one.runs * (one.flops + one.hbm_bytes) for one in some))


def _operation(
    program: Program, scope: Computation, one: Instruction, devices: int, loops: tuple[Loop, ...]
) -> Operation:
    products = tuple(_products(program, scope, one))
    arrays = traffic.moved(program, scope, one)
    exchanged = tuple(exchanges(program, scope, one, devices))
    return Operation(
        kind=_kind(program, scope, one, products, exchanged),
        instruction=one,
        runs=math.prod(1 if loop.iterations is None else loop.iterations for loop in loops),
        loops=loops,
        products=products,
        vector_flops=flops.vector_flops(program, scope, one),
        hbm_bytes=float(sum(array.hbm_bytes for array in arrays)),
        logical_bytes=float(sum(array.logical_bytes for array in arrays)),
        padding_bytes=float(sum(array.physical_bytes - array.logical_bytes for array in arrays)),
        source_line=program.source_line(one),
        exchanges=exchanged,
    )


def _products(program: Program, scope: Computation, one: Instruction) -> Iterator[Product]:
    if one.opcode == "fusion":
        called = program.computations[one.calls("calls") or ""]
        for inner in called.instructions.values():
            yield from _products(program, called, inner)
    elif one.opcode in ("dot", "convolution"):
        operands = [flops.shape_of(scope, name) for name in one.operands[:2]]
        widest = max(operands, key=lambda array: array.element_bits)
        precision = _PRECISION.search(one.attributes)
        count = flops.dot_flops if one.opcode == "dot" else flops.convolution_flops
        yield Product(
            "convolutions" if _is_convolution(one) else "matmuls",
            widest.dtype,
            _higher(precision.groups()) if precision else "default",
            count(scope, one),
        )
    elif one.opcode == "custom-call":
        yield from _stated(scope, one)


def _stated(scope: Computation, one: Instruction) -> Iterator[Product]:
    """What a custom call says that it costs, as Pallas does with ``cost_estimate``."""
    stated = _STATED_FLOPS.search(one.attributes)
    if stated and one.operands:
        dtype = flops.shape_of(scope, one.operands[0]).dtype
        yield Product(f"custom calls {_target(one)}", dtype, "default", float(stated[1]))


def _is_convolution(one: Instruction) -> bool:
    """A TPU's compiler writes matrix products as convolutions: those of no spatial dimension, or by name."""
    if one.opcode == "dot" or not flops.has_spatial_dimensions(one):
        return False
    return "dot" not in one.op_name and "MatMul" not in one.op_name


def _higher(precisions: Sequence[str]) -> str:
    return max(precisions, key=("default", "high", "highest").index)


def _kind(
    program: Program,
    scope: Computation,
    one: Instruction,
    products: Sequence[Product],
    exchanged: Sequence[Exchange],
) -> str:
    if exchanged:
        return exchanged[0].name
    if products:
        return max(products, key=lambda product: product.flops).name
    if one.opcode.removesuffix("-start") in COLLECTIVES:
        return one.opcode.removesuffix("-start")
    inner = [one]
    if one.opcode == "fusion":
        inner = list(program.computations[one.calls("calls") or ""].instructions.values())
    for each in inner:
        if _moves_to_host(each):
            return HOST_TRANSFERS
    for each in inner:
        if each.opcode in _OWN_KIND:
            return f"{each.opcode}s"
        if each.opcode == "custom-call":
            return f"custom calls {_target(each)}"
    if one.opcode in _PLURALS:
        return _PLURALS[one.opcode]
    largest = max(one.results, key=lambda array: array.logical_bytes, default=None)
    return f"fusions {largest.dtype}" if largest else "fusions"


def _moves_to_host(one: Instruction) -> bool:
    """Devices send to each other too, and then it does not say that it is a transfer to the host."""
    if one.opcode in ("send", "recv"):
        return "is_host_transfer=true" in one.attributes
    return one.opcode in ("infeed", "outfeed") or any(name in _target(one) for name in _HOST_CALLS)


def _target(one: Instruction) -> str:
    """What a custom call calls; empty for other operations."""
    target = _TARGET.search(one.attributes)
    return target[1] if target else ""
