"""A step's time as a roofline of its operations, and what each kind of them costs. Pure.

An operation takes as long as the slowest of the parts of a device that it keeps busy: products at the peak
rate of their element type, other arithmetic at that of the vector unit, bytes at the bandwidth of where they
lie (Williams et al., "Roofline", 2009). Operations follow each other; copies that the compiler starts early
go on beside them, and count as far as the bandwidth of the device's memory makes the rest wait; exchanges
between devices come on top. docs/tpu-without-a-tpu.md compares this with published measurements.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.analysis.hlo.operations import HOST_TRANSFERS, PREFETCHES, Operation, Product
from pytest_accel.analysis.hlo.program_text import Program
from pytest_accel.records import LoopBody, Operations

ON_CHIP_BANDWIDTH = 22
"""Bandwidth of a TPU's on-chip memory (VMEM) over that of its HBM: jax-ml/scaling-book, "How to Think About
TPUs"."""

PASSES = {"default": 1, "high": 3, "highest": 6}
"""Products in bfloat16 that one of float32 is made of: ``jax.lax.Precision``."""

MAX_LINES = 20
"""Source lines that are kept of each kind of operation."""

_FLOAT32 = ("f32", "f64")
_HALF_WIDTH = ("s8", "u8", "s4", "u4", "f8")


@dataclass(frozen=True)
class Limits:
    """What one device can do at most.

    ``flops_per_s`` are products in bfloat16; ``int8_speedup`` is how many times faster those of one byte are.
    ``exchange_bytes_per_s`` are sent to other devices, ``host_bytes_per_s`` to the host.
    """

    flops_per_s: float
    vector_flops_per_s: float
    int8_speedup: float
    memory_bytes_per_s: float
    exchange_bytes_per_s: float
    host_bytes_per_s: float


@dataclass(frozen=True)
class ModelledStep:
    """``operations`` by kind; ``loop_bodies`` in the order of ``loops``. Times add up to ``time_s``."""

    time_s: float
    operations: Mapping[str, Operations]
    loops: tuple[int | None, ...]
    loop_bodies: tuple[LoopBody, ...]


def modelled(program: Program, operations: Iterable[Operation], limits: Limits) -> ModelledStep:
    """The time of a step, in seconds, and where it goes."""
    costed = [(one, operation_s(one, limits)) for one in operations]
    by_kind: dict[str, list[tuple[Operation, float]]] = {}
    for one, time_s in costed:
        by_kind.setdefault(one.kind, []).append((one, time_s))
    busy_s = math.fsum(one.runs * time_s for one, time_s in costed if one.kind != PREFETCHES)
    moved_s = math.fsum(one.runs * one.hbm_bytes for one, _ in costed) / limits.memory_bytes_per_s
    exchanged_s = math.fsum(one.runs * _exchange_s(one, limits) for one, _ in costed)
    waiting_s = max(0.0, moved_s + exchanged_s - busy_s)
    summed = {
        kind: _summed(some, waiting_s if kind == PREFETCHES else None) for kind, some in by_kind.items()
    }
    time_s = math.fsum(each.time_s for each in summed.values())
    loops, bodies = _loops(program, costed)
    return ModelledStep(time_s, summed, loops, bodies)


def operation_s(one: Operation, limits: Limits) -> float:
    """Seconds that one run of an operation takes by itself."""
    if one.kind == HOST_TRANSFERS:
        return one.logical_bytes / limits.host_bytes_per_s
    on_chip_s = (one.logical_bytes + one.padding_bytes) / (ON_CHIP_BANDWIDTH * limits.memory_bytes_per_s)
    return _exchange_s(one, limits) + max(
        math.fsum(_product_s(product, limits) for product in one.products),
        one.vector_flops / limits.vector_flops_per_s,
        one.hbm_bytes / limits.memory_bytes_per_s,
        on_chip_s,
    )


def _product_s(product: Product, limits: Limits) -> float:
    flops_per_s = limits.flops_per_s
    if product.dtype in _FLOAT32:
        flops_per_s /= PASSES[product.precision]
    elif product.dtype.startswith(_HALF_WIDTH):
        flops_per_s *= limits.int8_speedup
    return product.flops / flops_per_s


def _exchange_s(one: Operation, limits: Limits) -> float:
    return math.fsum(exchange.sent_bytes for exchange in one.exchanges) / limits.exchange_bytes_per_s


def _summed(some: Sequence[tuple[Operation, float]], time_s: float | None) -> Operations:
    if time_s is None:
        time_s = math.fsum(one.runs * each_s for one, each_s in some)
    exchanged = sum(one.runs * exchange.bytes for one, _ in some for exchange in one.exchanges)
    return Operations(
        count=sum(one.runs for one, _ in some),
        bytes=round(math.fsum(one.runs * one.logical_bytes for one, _ in some)),
        flops=math.fsum(one.runs * one.flops for one, _ in some),
        hbm_bytes=round(math.fsum(one.runs * one.hbm_bytes for one, _ in some)),
        padding_bytes=round(math.fsum(one.runs * one.padding_bytes for one, _ in some)),
        exchanged_bytes=exchanged,
        time_s=time_s,
        times_s_by_line=_costliest_lines(some),
    )


def _costliest_lines(some: Sequence[tuple[Operation, float]]) -> dict[str, float]:
    times_s: dict[str, float] = {}
    for one, time_s in some:
        if one.source_line is not None:
            times_s[one.source_line] = times_s.get(one.source_line, 0.0) + one.runs * time_s
    costliest = sorted(times_s, key=lambda line: -times_s[line])[:MAX_LINES]
    return {line: times_s[line] for line in costliest}


def _loops(
    program: Program, costed: Sequence[tuple[Operation, float]]
) -> tuple[tuple[int | None, ...], tuple[LoopBody, ...]]:
    """Loops by first appearance, with what one iteration of each costs, loops inside of it included."""
    counts: dict[str, int | None] = {}
    flops: dict[str, list[float]] = {}
    times_s: dict[str, list[float]] = {}
    places: dict[str, tuple[str | None, str]] = {}
    for one, time_s in costed:
        runs = 1
        for loop in reversed(one.loops):
            name = loop.instruction.name
            counts[name] = loop.iterations
            places[name] = (program.source_line(loop.instruction), loop.instruction.op_name)
            flops.setdefault(name, []).append(runs * one.flops)
            times_s.setdefault(name, []).append(runs * time_s)
            runs *= 1 if loop.iterations is None else loop.iterations
    bodies = tuple(
        LoopBody(*places[name], math.fsum(flops[name]), math.fsum(times_s[name])) for name in counts
    )
    return tuple(counts.values()), bodies
