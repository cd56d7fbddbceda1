"""How ResNet-50 scales over the devices of a machine, against what one of them was accepted with.

    pytest benchmarks/test_scaling.py --accel-devices=1 --accel-record-missing --accel-runs=3
    pytest benchmarks/test_scaling.py --accel-devices=4

Without --accel-devices there is nothing to set against each other, and both are skipped.
"""

from __future__ import annotations

import pytest
from scales import Scale

from pytest_accel import Accel, Accelerator, settings_for


@pytest.fixture(autouse=True)
def devices(request: pytest.FixtureRequest) -> None:
    if settings_for(request.node).devices is None:
        pytest.skip("says how training scales: give --accel-devices=1 first, then --accel-devices=N")


def test_strong_scaling(accel: Accel, scale: Scale) -> None:
    """The largest global batch of the published sweep, divided over the devices."""
    accel.throughput(
        "resnet50",
        global_batch=scale.global_batches[0],
        image_size=scale.image_size,
        precision=scale.precision,
    )


def test_weak_scaling(accel: Accel, accelerator: Accelerator, scale: Scale) -> None:
    """Each device has as many examples as one alone has."""
    accel.throughput(
        "resnet50",
        global_batch=scale.global_batches[-1] * accelerator.devices,
        image_size=scale.image_size,
        precision=scale.precision,
        learning_rate=0.1,  # by default it goes by the global batch, and would be another one for each number
    )
