"""A NumPy product of 384 x 384 matrices, longer by the fraction PLANTED_SLOWDOWN, for live_sessions.py."""

from __future__ import annotations

import os
import time

import numpy as np

from pytest_accel import Accel

SIZE = 384


def test_planted(accel: Accel) -> None:
    slowdown = float(os.environ.get("PLANTED_SLOWDOWN", "0"))
    matrix = np.random.default_rng(0).standard_normal((SIZE, SIZE))

    def step() -> None:
        """As long again as that part of it took: what slows the machine slows this as well."""
        start = time.perf_counter()
        np.matmul(matrix, matrix)
        end = time.perf_counter()
        while time.perf_counter() < end + slowdown * (end - start):
            pass

    accel.measure(step, examples_per_step=1)
