"""The published throughput sweep: ResNet-50 training on synthetic data, one benchmark per global batch."""

from __future__ import annotations

from scales import Scale

from pytest_accel import Accel


def test_synthetic_throughput(accel: Accel, scale: Scale, global_batch: int) -> None:
    accel.throughput(
        "resnet50", global_batch=global_batch, image_size=scale.image_size, precision=scale.precision
    )
