"""Floating-point operations of single instructions, as XLA counts them. Pure.

The rules are those of openxla/xla, ``xla/service/hlo_cost_analysis.cc``: two operations per multiply-add of
products and convolutions, without positions that lie in padding; one per element of what works element by
element; transcendental functions are not among them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pytest_accel.analysis.hlo.program_text import Computation, Instruction, Program
from pytest_accel.analysis.hlo.shapes import Array

_ELEMENTWISE = frozenset({
    "abs", "add", "and", "ceil", "clamp", "clz", "compare", "complex", "convert", "divide", "floor", "imag",
    "is-finite", "maximum", "minimum", "multiply", "negate", "not", "or", "popcnt", "real",
    "reduce-precision", "remainder", "round-nearest-afz", "round-nearest-even", "select", "shift-left",
    "shift-right-arithmetic", "shift-right-logical", "sign", "stochastic-convert", "subtract", "xor",
})  # fmt: skip

_WINDOW = re.compile(r"\bwindow=\{([^}]*)\}")
_LABELS = re.compile(r"\bdim_labels=(\w+)_(\w+)->(\w+)")
_GROUPS = re.compile(r"\b(feature|batch)_group_count=(\d+)")
_CONTRACTED = re.compile(r"\blhs_contracting_dims=\{([\d,]*)\}")


@dataclass(frozen=True)
class _WindowDimension:
    size: int
    stride: int = 1
    padding_low: int = 0
    base_dilation: int = 1
    window_dilation: int = 1


def shape_of(scope: Computation, name: str) -> Array:
    """The array that an operand is."""
    (array, *_) = scope.instructions[name].results
    return array


def dot_flops(scope: Computation, dot: Instruction) -> float:
    """Two for each element of the result and each element along the contracted dimensions."""
    left = shape_of(scope, dot.operands[0])
    contracted = _CONTRACTED.search(dot.attributes)
    dims = [int(dim) for dim in contracted[1].split(",") if dim] if contracted else []
    return 2.0 * dot.results[0].elements * math.prod(left.dims[dim] for dim in dims)


def convolution_flops(scope: Computation, convolution: Instruction) -> float:
    """Two for each position of the window that lies on an element, over all features. Raises ValueError."""
    labels = _LABELS.search(convolution.attributes)
    if labels is None:
        raise ValueError(f"convolution {convolution.name} has no dim_labels")
    left, right = (shape_of(scope, name) for name in convolution.operands[:2])
    size_of_left = dict(zip(labels[1], left.dims, strict=True))
    size_of_right = dict(zip(labels[2], right.dims, strict=True))
    size_of_result = dict(zip(labels[3], convolution.results[0].dims, strict=True))
    window = _window(convolution.attributes, sum(label.isdigit() for label in labels[1]))
    groups = {kind: int(count) for kind, count in _GROUPS.findall(convolution.attributes)}
    positions = math.prod(
        _valid_positions(size_of_left[str(dim)], size_of_result[str(dim)], dimension)
        for dim, dimension in enumerate(window)
    )
    features: int = size_of_left["f"] // groups.get("feature", 1)
    batch: int = size_of_left["b"] // groups.get("batch", 1)
    return float(2 * features * size_of_right["o"] * batch * positions)


def has_spatial_dimensions(convolution: Instruction) -> bool:
    """Whether its dimensions are more than batch and features."""
    labels = _LABELS.search(convolution.attributes)
    return labels is not None and any(label.isdigit() for label in labels[1])


def vector_flops(program: Program, scope: Computation, one: Instruction) -> float:
    """Of all but products and convolutions; those of a fusion with all that it fuses."""
    if one.opcode in _ELEMENTWISE:
        return float(sum(array.elements for array in one.results))
    if one.opcode == "fusion":
        called = program.computations[one.calls("calls") or ""]
        return math.fsum(vector_flops(program, called, inner) for inner in called.instructions.values())
    if one.opcode == "reduce":
        given = shape_of(scope, one.operands[0]).elements
        return _applied(program, one) * max(0, given - one.results[0].elements)
    if one.opcode == "reduce-window":
        steps = _steps_of_window(one, shape_of(scope, one.operands[0]))
        return _applied(program, one) * one.results[0].elements * steps
    if one.opcode == "scatter":
        return _applied(program, one) * shape_of(scope, one.operands[-1]).elements
    if one.opcode == "select-and-scatter":
        return float(shape_of(scope, one.operands[1]).elements * _window_elements(one))
    if one.opcode in ("all-reduce", "all-reduce-start", "reduce-scatter"):
        return float(sum(array.elements for array in one.results))
    return 0.0


def _applied(program: Program, one: Instruction) -> float:
    """FLOPs of the function that a reduction applies."""
    called = program.computations[one.calls("to_apply") or ""]
    return math.fsum(vector_flops(program, called, inner) for inner in called.instructions.values())


def _steps_of_window(one: Instruction, given: Array) -> int:
    """How often a ``reduce-window`` applies its function for each result.

    A window that holds all of a dimension wherever it lies is how the compiler writes a reduction whose
    result is broadcast again: XLA counts every position of it, and one pass over the elements computes it.
    """
    sizes = [
        1 if window.size >= 2 * size - 1 > 1 else window.size
        for window, size in zip(_window(one.attributes, 0), given.dims, strict=True)
    ]
    return max(1, math.prod(sizes) - 1)


def _window_elements(one: Instruction) -> int:
    return math.prod(dimension.size for dimension in _window(one.attributes, 0))


def _window(attributes: str, dimensions: int) -> list[_WindowDimension]:
    match = _WINDOW.search(attributes)
    if match is None:
        return [_WindowDimension(1)] * dimensions
    parts = dict(part.split("=", 1) for part in match[1].split())
    sizes = _numbers(parts["size"])

    def numbers(name: str, default: int) -> list[int]:
        return _numbers(parts[name]) if name in parts else [default] * len(sizes)

    low = [int(pad.split("_")[0]) for pad in parts["pad"].split("x")] if "pad" in parts else [0] * len(sizes)
    return [
        _WindowDimension(*dimension)
        for dimension in zip(
            sizes,
            numbers("stride", 1),
            low,
            numbers("lhs_dilate", 1),
            numbers("rhs_dilate", 1),
            strict=True,
        )
    ]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split("x")]


def _valid_positions(size: int, results: int, window: _WindowDimension) -> int:
    """Pairs of a result and an element of the window that meet an element of the array, not padding.

    A result at ``o`` and a window element at ``k`` meet ``o * stride - padding + k * window_dilation``, an
    element if that is a multiple of the base dilation within the array.
    """
    step = math.gcd(window.stride, window.base_dilation)
    every = window.base_dilation // step
    count = 0
    for position in range(window.size):
        offset = position * window.window_dilation - window.padding_low
        if offset % step:
            continue
        inverse = pow(window.stride // step, -1, every) if every > 1 else 0
        first = (-offset // step) * inverse % every if every > 1 else 0
        last_place = (size - 1) * window.base_dilation
        lowest = max(0, -(offset // window.stride))
        highest = min(results - 1, (last_place - offset) // window.stride)
        begin = lowest + (first - lowest) % every
        if begin <= highest:
            count += (highest - begin) // every + 1
    return count
