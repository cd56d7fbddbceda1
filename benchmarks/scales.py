"""How large the benchmarks are on each kind of accelerator: the one place that says it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.records import Kind


@dataclass(frozen=True)
class Scale:
    """The sweep of global batches (examples a step), the side of an image in pixels, and the precision."""

    global_batches: tuple[int, ...]
    image_size: int
    precision: str


# The published sweep: ResNet-50 on synthetic ImageNet in mixed precision, global batches of 1024 and below
# on four TPUv2 chips and four V100s (RiseML, "Comparing Google's TPUv2 against Nvidia's V100 on ResNet-50",
# April 2018).
PUBLISHED_BATCHES = (1024, 512, 256, 128)

SCALES = {
    Kind.TPU: Scale(PUBLISHED_BATCHES, image_size=224, precision="mixed_bfloat16"),
    Kind.GPU: Scale(PUBLISHED_BATCHES, image_size=224, precision="mixed_float16"),
    # The same code at a size that two cores finish within minutes.
    Kind.CPU: Scale((16, 8), image_size=32, precision="float32"),
}
