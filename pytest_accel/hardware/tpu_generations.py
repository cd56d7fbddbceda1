"""The TPU generations, and the slices that they come in, by the names that Google Cloud sells them under.

What the number in a type counts: the TPU versions pages of Google Cloud's documentation (``v4-8`` is 4 chips
of 2 TensorCores, ``v5litepod-4`` is 4 chips). PCI ids and devices a chip: google/cloud-accelerator-
diagnostics, ``tpu_info/device.py`` (JAX's ``hardware_utils.py`` has the same ids). Peak, memory and
bandwidth of a chip: docs.cloud.google.com/tpu/docs/v2, v3, v4, v5e, v5p, v6e and tpu7x, read in November
2026; slices larger than a cube of 4 x 4 x 4 chips are made of such cubes there. Links between chips: v2 and
v3 from Jouppi et al., "A Domain-Specific Supercomputer for Training Deep Neural Networks" (2020); v4 and
later, ALUs of the vector units, products of one byte and PCIe from jax-ml/scaling-book, "How to Think About
TPUs", read in November 2026; those of the TPU7x from its bandwidth of 1200 GB/s over six links both ways.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from dataclasses import dataclass

from pytest_accel.records.user_error import UserError

_TYPE = re.compile(r"([a-z0-9]+)-([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class CompilerTarget:
    """What compiling for a generation needs to know.

    ``name`` is the compiler's own; ``largest`` is the largest slice, its chips in each dimension of the
    network between them. ``megacore``: the two cores of a chip are one device. FLOP/s are in bfloat16; the
    vector unit does ``vector_share`` of them, its ALUs over the FLOPs per cycle of the matrix units. A link
    carries ``link_bytes_per_s`` one way. Slices of which a dimension is a multiple of ``torus_chips`` are
    closed to a ring in it.
    """

    name: str
    largest: tuple[int, ...]
    least_chips: int
    chip_flops_per_s: float
    chip_memory_bytes_per_s: float
    vector_share: float
    link_bytes_per_s: float
    torus_chips: int
    int8_speedup: float = 1.0
    megacore: bool = False

    @property
    def dimensions(self) -> int:
        return len(self.largest)


@dataclass(frozen=True)
class Generation:
    """One TPU generation.

    ``type_prefix`` and ``type_units_per_chip`` make a type's name: four v4 chips are ``v4-8``.
    ``pci_subsystem`` is None where ``pci_device`` alone tells the generation. A device is what a framework
    counts; it has ``device_memory_gib`` of memory. ``compiled`` is None where the compiler does not know it.
    """

    model: str
    type_prefix: str
    type_units_per_chip: int
    devices_per_chip: int
    device_memory_gib: int
    pci_device: str
    pci_subsystem: str | None = None
    compiled: CompilerTarget | None = None


_V2 = CompilerTarget("v2", (16, 16), 4, 45e12, 700e9, 1 / 16, 62e9, 16)
_V3 = CompilerTarget("v3", (32, 32), 4, 123e12, 900e9, 1 / 32, 82e9, 32)
_V4 = CompilerTarget("v4", (16, 16, 16), 4, 275e12, 1200e9, 1 / 64, 45e9, 4, megacore=True)
_V5E = CompilerTarget("v5e", (16, 16), 1, 197e12, 819e9, 1 / 32, 50e9, 16, int8_speedup=2.0)
_V5P = CompilerTarget("v5p", (16, 16, 24), 4, 459e12, 2765e9, 1 / 32, 100e9, 4, int8_speedup=2.0)
_V6E = CompilerTarget("v6e", (16, 16), 1, 918e12, 1638e9, 1 / 64, 100e9, 16, int8_speedup=2.0)
_TPU7X = CompilerTarget("tpu7x", (16, 24, 24), 4, 2307e12, 7380e9, 1 / 64, 100e9, 4, int8_speedup=2.0)

GENERATIONS = (
    Generation("TPU v2", "v2", 2, 2, 8, "0x0027", "0x004e", _V2),
    Generation("TPU v3", "v3", 2, 2, 16, "0x0027", "0x004f", _V3),
    Generation("TPU v4", "v4", 2, 1, 32, "0x005e", None, _V4),
    Generation("TPU v5e", "v5litepod", 1, 1, 16, "0x0063", None, _V5E),
    Generation("TPU v5p", "v5p", 2, 1, 95, "0x0062", None, _V5P),
    Generation("TPU v6e", "v6e", 1, 1, 32, "0x006f", None, _V6E),
    Generation("TPU7x", "tpu7x", 2, 2, 96, "0x0076", None, _TPU7X),
)

CHIP_HOST_BYTES_PER_S = 15e9
"""PCIe's bandwidth of a chip; a v6e has twice that."""


@dataclass(frozen=True)
class Slice:
    """A slice that programs can be compiled for. ``shape`` counts its chips in each dimension."""

    name: str
    generation: Generation
    compiled: CompilerTarget
    shape: tuple[int, ...]

    @property
    def devices(self) -> int:
        return math.prod(self.shape) * self.generation.devices_per_chip

    @property
    def compiler_name(self) -> str:
        """Such as ``v5e:2x2``."""
        return f"{self.compiled.name}:{'x'.join(map(str, self.shape))}"

    @property
    def chips_per_host(self) -> tuple[int, ...] | None:
        """Where the compiler does not take a host to have the four chips of a plane."""
        if math.prod(self.shape) == 1:
            return (1, 1, 1)
        return (2, 2, 1) if self.compiled.dimensions == 3 else None

    @property
    def device_memory_bytes(self) -> int:
        return self.generation.device_memory_gib * 2**30

    @property
    def device_flops_per_s(self) -> float:
        return self.compiled.chip_flops_per_s / self.generation.devices_per_chip

    @property
    def device_memory_bytes_per_s(self) -> float:
        return self.compiled.chip_memory_bytes_per_s / self.generation.devices_per_chip

    @property
    def device_vector_flops_per_s(self) -> float:
        return self.device_flops_per_s * self.compiled.vector_share

    @property
    def device_host_bytes_per_s(self) -> float:
        return CHIP_HOST_BYTES_PER_S / self.generation.devices_per_chip

    @property
    def device_exchange_bytes_per_s(self) -> float:
        """One way over all links in use: two in a dimension that is closed to a ring, one in others."""
        links = sum(2 if size % self.compiled.torus_chips == 0 else 1 for size in self.shape if size > 1)
        return max(1, links) * self.compiled.link_bytes_per_s / self.generation.devices_per_chip


def split(type_name: str) -> tuple[str, int] | None:
    """Prefix and number of a type such as ``v2-8``; None if it is not of that form."""
    match = _TYPE.fullmatch(type_name)
    return (match[1], int(match[2])) if match else None


def slice_named(name: str) -> Slice:
    """The slice of this accelerator type. Raises UserError that says which there are."""
    parts = split(name)
    generation = next((known for known in GENERATIONS if parts and known.type_prefix == parts[0]), None)
    if parts is None or generation is None or generation.compiled is None:
        known = ", ".join(_smallest(each) for each in GENERATIONS if each.compiled)
        raise UserError(
            f"{name!r} is not a TPU type that can be compiled for: give one of {known}, or a larger slice"
        )
    shapes = _shapes(generation.compiled)
    chips, rest = divmod(parts[1], generation.type_units_per_chip)
    if rest or chips not in shapes:
        sizes = [f"{parts[0]}-{count * generation.type_units_per_chip}" for count in sorted(shapes)]
        more = f", or a larger one up to {sizes[-1]}" if len(sizes) > MAX_NAMED else ""
        raise UserError(
            f"{name!r} is not a slice of the {generation.model} that can be compiled for: give "
            f"{', '.join(sizes[:MAX_NAMED])}{more}"
        )
    return Slice(name, generation, generation.compiled, shapes[chips])


MAX_NAMED = 10
"""Slices in a sentence."""


def _smallest(generation: Generation) -> str:
    return f"{generation.type_prefix}-{4 * generation.type_units_per_chip}"


@functools.cache
def _shapes(compiled: CompilerTarget) -> dict[int, tuple[int, ...]]:
    """The shape of a slice by its number of chips, as near to a square or cube as it gets.

    Below a cube of 64 chips, and on networks of two dimensions, chips are powers of two, and two of them are
    not a slice; four are in a plane.
    """
    small = [
        2**power
        for power in range(math.prod(compiled.largest).bit_length())
        if power != 1 and (compiled.dimensions == 2 or power < 6)
    ]
    found = {chips: _of_power_of_two(chips, compiled.dimensions) for chips in small}
    if compiled.dimensions == 3:
        found |= _of_cubes(compiled.largest)
    return {chips: shape for chips, shape in found.items() if chips >= compiled.least_chips}


def _of_power_of_two(chips: int, dimensions: int) -> tuple[int, ...]:
    """The longest dimension comes last."""
    power = chips.bit_length() - 1
    if dimensions == 3 and power == 2:
        return (2, 2, 1)
    return tuple(2 ** ((power + index) // dimensions) for index in range(dimensions))


def _of_cubes(largest: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for shape in itertools.product(*(range(4, size + 1, 4) for size in largest)):
        ordered = tuple(sorted(shape))
        known = found.get(math.prod(shape))
        if known is None or ordered[-1] - ordered[0] < known[-1] - known[0]:
            found[math.prod(shape)] = ordered
    return found
