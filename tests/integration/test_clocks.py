"""A test that replaces the clock changes no measurement."""

from __future__ import annotations

import pytest

FROZEN = """
import time

def test_step(accel, monkeypatch):
    real = time.perf_counter
    for name in ("perf_counter", "monotonic", "time"):
        monkeypatch.setattr(time, name, lambda: real() / {factor})
    accel.measure(lambda: time.sleep(0.01), examples_per_step=1)
"""


@pytest.mark.parametrize("factor", [3, 1e9])
def test_a_mocked_clock_is_not_the_one_that_is_read(project, factor):
    (project.path / "conftest.py").unlink()
    project.benchmark(FROZEN.format(factor=factor))
    benchmark = project.only_benchmark("--accel-budget=2", "--accel-wait=0")
    assert benchmark["outcome"] == "no_baseline", benchmark["reason"]
    assert benchmark["metrics"]["step_time_s"] >= 0.01
