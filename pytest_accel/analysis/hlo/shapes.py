"""Arrays of an optimized program: their element type, size and place, as HLO writes them. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_ARRAY = re.compile(r"\b(pred|token|opaque|[a-z]+?(\d+)[a-z0-9]*)\[([\d,<=]*)\](?:\{([^{}]*)\})?")
_TILES = re.compile(r"\((\d+(?:,\d+)*)\)")
_SPACE = re.compile(r"S\((\d+)\)")


@dataclass(frozen=True)
class Array:
    """One array: ``dims`` in elements, ``minor_to_major`` as in its layout, ``tiles`` from outer to inner.

    ``memory_space`` 0 is the device's memory (HBM on a TPU); others are on the chip.
    """

    dtype: str
    element_bits: int
    dims: tuple[int, ...]
    minor_to_major: tuple[int, ...] = ()
    tiles: tuple[tuple[int, ...], ...] = ()
    memory_space: int = 0

    @property
    def elements(self) -> int:
        return math.prod(self.dims)

    @property
    def logical_bytes(self) -> int:
        """Of its elements alone."""
        return self.elements * self.element_bits // 8

    @property
    def physical_bytes(self) -> int:
        """Of the whole tiles that it fills: ``f32[513,10]{1,0:T(8,128)}`` has 520 x 128 elements."""
        if not self.tiles or not self.elements:
            return self.logical_bytes
        dims = [self.dims[dim] for dim in reversed(self.minor_to_major)]
        tile = self.tiles[0]
        dims = [1] * (len(tile) - len(dims)) + dims
        if len(tile) == 1 and len(dims) > 1:
            dims = [math.prod(dims)]
        outer = len(dims) - len(tile)
        padded = [math.ceil(size / part) * part for size, part in zip(dims[outer:], tile, strict=True)]
        return math.prod(dims[:outer]) * math.prod(padded) * self.element_bits // 8

    @property
    def hbm_bytes(self) -> int:
        """What it fills of the device's memory, 0 for an array that stays on the chip."""
        return self.physical_bytes if self.memory_space == 0 else 0


def arrays(text: str) -> tuple[Array, ...]:
    """All arrays of a shape such as ``(bf16[4,128]{1,0:T(8,128)(2,1)S(1)}, s32[])``, in order."""
    found = []
    for match in _ARRAY.finditer(text):
        dtype, bits, sizes, layout = match.groups()
        if dtype in ("token", "opaque"):
            continue
        order, _, rest = (layout or "").partition(":")
        space = _SPACE.search(rest)
        tiled = re.match(r"T((?:\([\d,]+\))+)", rest)
        found.append(
            Array(
                dtype,
                8 if dtype == "pred" else int(bits),
                tuple(int(size.lstrip("<=")) for size in sizes.split(",") if size),
                tuple(int(dim) for dim in order.split(",") if dim),
                tuple(tuple(map(int, tile.split(","))) for tile in _TILES.findall(tiled[1])) if tiled else (),
                int(space[1]) if space else 0,
            )
        )
    return tuple(found)
