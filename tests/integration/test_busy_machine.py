"""A program that keeps the machine busy: what is recorded beside it, and what is judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BENCHMARK = """
import os
import time

def test_step(accel):
    def step():
        end = time.process_time() + float(os.environ["STEP_TIME_S"])
        while time.process_time() < end:
            pass

    accel.measure(step, examples_per_step=1)
"""


@pytest.fixture
def busy():
    """The processes that keep every core busy."""
    programs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(len(os.sched_getaffinity(0)))
    ]
    yield programs
    for program in programs:
        program.kill()
        program.wait()


@pytest.fixture
def session(pytester, monkeypatch):
    """``session(*arguments)`` gives pytest's result, with the benchmark of the JSON report."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(test_it=BENCHMARK)

    def run(*arguments, step_time_s=0.02):
        monkeypatch.setenv("STEP_TIME_S", str(step_time_s))
        result = pytester.runpytest_subprocess(
            "--accel=cpu", "--accel-budget=6", "--accel-json=report.json", *arguments
        )
        (result.benchmark,) = json.loads((pytester.path / "report.json").read_text())["benchmarks"]
        return result

    return run


def test_beside_busy_programs_nothing_is_recorded_and_the_reason_names_one(session, busy, pytester):
    result = session("--accel-update-baselines", "--accel-wait=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.benchmark["outcome"] == "invalid"
    reason = result.benchmark["reason"]
    assert "other programs used the CPU during" in reason
    assert re.search(r"\(pid \d+\)", reason)
    assert "not recorded as a baseline" in reason
    assert not (pytester.path / "baselines").exists() or not list(pytester.path.rglob("test_step*.json"))


def test_a_baseline_that_was_recorded_all_the_same_shows_no_change(session, busy, pytester):
    assert session("--accel-update-baselines", "--accel-wait=0").benchmark["outcome"] == "recorded"
    (file,) = pytester.path.rglob("test_step*.json")
    (run,) = json.loads(file.read_text())["accepted"][0]["runs"]
    assert max(run["others_share"]) > 0.2
    assert run["conditions"]["other_programs"]

    slower = session("--accel-wait=0", step_time_s=0.06)
    assert slower.benchmark["outcome"] == "inconclusive"
    assert slower.benchmark["reason"].startswith(
        "when the baseline was recorded, other programs used the CPU"
    )
