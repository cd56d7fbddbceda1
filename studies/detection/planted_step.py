"""A ResNet-50 step made longer by the fraction PLANTED_SLOWDOWN, by default 0, for live_trials.py."""

from __future__ import annotations

import os
import time

from pytest_accel import Accel

EXAMPLES = 8


def test_planted(accel: Accel) -> None:
    from pytest_accel import frameworks
    from pytest_accel.api.workloads import workload

    slowdown = float(os.environ.get("PLANTED_SLOWDOWN", "0"))
    framework = frameworks.load("tensorflow")
    program = framework.build(
        workload("resnet50", framework="tensorflow", global_batch=EXAMPLES, image_size=64)
    )

    def step() -> float | None:
        """As long again as that part of it took: what slows the machine slows this as well."""
        start = time.perf_counter()
        loss = program.wait(program.step())
        end = time.perf_counter()
        while time.perf_counter() < end + slowdown * (end - start):
            pass
        return loss

    accel.measure(step, examples_per_step=EXAMPLES)
