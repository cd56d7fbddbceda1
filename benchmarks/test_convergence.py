"""Does training still get there, as far and as soon? A small set anywhere, ImageNet with --accel-data."""

from __future__ import annotations

import pytest
from scales import Scale

from pytest_accel import Accel, settings_for


def test_digits(accel: Accel) -> None:
    accel.convergence("resnet50", dataset="digits", epochs=8, target=0.95)


def test_imagenet(accel: Accel, scale: Scale, request: pytest.FixtureRequest) -> None:
    """The published experiment: 90 epochs at a global batch of 1024, to the best top-1 of its GPUs."""
    if settings_for(request.node).data is None:
        pytest.skip("trains on ImageNet: say where its shards are with --accel-data=DIR")
    accel.convergence(
        "resnet50", dataset="imagenet", epochs=90, target=0.757, global_batch=1024, precision=scale.precision
    )
