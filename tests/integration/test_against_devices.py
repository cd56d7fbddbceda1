"""--accel-against on a TPU or GPU: who has the device when.

The devices are simulated where the session finds them. What this cannot show is that two processes on a real
GPU have room beside each other.
"""

from __future__ import annotations

import json
import sys

import pytest

from pytest_accel import hardware
from pytest_accel.records import Accelerator, Kind

STEP = """
import json
import os
import time

from pytest_accel.frameworks import introspection

if "PYTEST_ACCEL_RUN" in os.environ:  # not where the tests of pytest-accel run
    introspection.peak_memory_bytes = lambda kind: int(os.environ["PEAK"]) if "PEAK" in os.environ else None


def note(what):
    with open("times.txt", "a") as file:
        file.write(json.dumps([what, os.getpid(), time.monotonic()]) + "\\n")


def test_step(accel, clock):
    note("begins")

    def step():
        clock.now_s += 0.25

    accel.measure(step, examples_per_step=32)
    note(os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "ends"))
"""


@pytest.fixture
def compare(project, monkeypatch):
    """A comparison with the same environment on a device of this kind; what its processes noted, in order."""

    def run(kind):
        device = Accelerator("a-device", kind, "a device", 1, memory_bytes=16_000_000_000)
        monkeypatch.setattr(hardware, "accelerator", lambda *_: device)
        project.benchmark(STEP)
        (project.path / "times.txt").unlink(missing_ok=True)
        result = project.run(f"--accel={kind}", f"--accel-against={sys.executable}")
        assert result.parseoutcomes() == {"passed": 1}
        noted = [json.loads(line) for line in (project.path / "times.txt").read_text().splitlines()]
        return sorted(noted, key=lambda note: note[2])

    return run


def takes_turns(noted):
    """Whether every process ends before the next begins."""
    return all(
        first[1] == second[1] and first[0] == "begins"
        for first, second in zip(noted[::2], noted[1::2], strict=True)
    )


def noted_of_looks(noted):
    """What the first process of either side noted, in which both are looked at, and the rest."""
    return noted[:2], noted[2:]


def test_a_tpu_belongs_to_one_process_at_a_time(compare):
    first_looks, noted = noted_of_looks(compare(Kind.TPU))
    assert [what for what, _, _ in first_looks] == ["begins", "begins"]  # and end before they measure
    assert takes_turns(noted)
    assert len({pid for _, pid, _ in noted}) == 8


@pytest.mark.slow
def test_two_processes_share_a_gpu_if_each_takes_less_than_half(compare, monkeypatch):
    monkeypatch.setenv("PEAK", "7000000000")
    noted = compare(Kind.GPU)
    assert not takes_turns(noted)
    assert [what for what, _, _ in noted if what != "begins"] == ["false"] * 8  # no preallocation


@pytest.mark.slow
@pytest.mark.parametrize("peak", ["7400000000", None])
def test_a_gpu_that_is_too_small_for_two_or_may_be_is_used_in_turns(compare, monkeypatch, peak):
    if peak is not None:
        monkeypatch.setenv("PEAK", peak)
    noted = compare(Kind.GPU)
    after_the_first_try = [note for note in noted if note[1] not in {pid for _, pid, _ in noted[:2]}]
    assert takes_turns(after_the_first_try)
    assert len({pid for _, pid, _ in after_the_first_try}) == 8


@pytest.mark.slow
def test_processes_that_take_turns_differ_as_much_as_runs_do(compare, project):
    compare(Kind.TPU)
    long_enough = "--accel-budget=200"  # for 40 blocks in each process of 20 pairs
    against = f"--accel-against={sys.executable}"
    result = project.run("--accel=tpu", against, long_enough, "--accel-json=report.json")
    assert result.ret == pytest.ExitCode.OK
    (benchmark,) = json.loads((project.path / "report.json").read_text())["benchmarks"]
    low, high = benchmark["comparisons"][0]["interval"]
    # 3.28 standard errors at the first of five evaluations: 4 of 7 degrees of freedom expect 0.2% times the
    # square root of 2, and the others are of the four pairs, which are alike.
    assert high == pytest.approx(0.0035, abs=1e-4)
    assert low == pytest.approx(-0.0035, abs=1e-4)
