"""``pytest-accel calibrate``: real sessions on a fake clock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.cli import calibrate, main
from pytest_accel.hardware.other_programs import Usage
from pytest_accel.records import Accelerator, Kind, Outcome, Result, Steps, Verdict, Workload
from pytest_accel.records.noise import GpuState, MachineNoise, Sitting
from pytest_accel.reports.common import json_writer

SCATTERS = """
import os
import random

def test_step(accel, clock):
    pace = random.Random(os.getpid()).gauss(1, 0.01)

    def step():
        clock.now_s += 0.25 * pace

    accel.measure(step, examples_per_step=32)
"""

FAILS_FROM_THE_THIRD_SESSION_ON = """
import pathlib

def pytest_sessionstart(session):
    if "PYTEST_ACCEL_RUN" not in os.environ:
        with pathlib.Path("sessions").open("a+") as file:
            file.write("x")
            if file.tell() > 2:
                raise pytest.UsageError("two were enough")
"""


def run(project, *arguments):
    return project.pytester.run(
        sys.executable,
        "-m",
        "pytest_accel.cli.main",
        "calibrate",
        "--minutes=0.001",
        *arguments,
        "--",
        "--accel-wait=0",
    )


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        (
            GpuState("GPU-1", 700.0, 65, 1980, 1980),
            "GPU-1: a steady clock of 1980 MHz while busy, at most 65 °C, a power limit of 700 W",
        ),
        (
            GpuState("GPU-1", None, 65, 1410, 1980),
            "GPU-1: a clock between 1410 and 1980 MHz while busy; lock it to see smaller changes "
            "(nvidia-smi --lock-gpu-clocks=1410), at most 65 °C",
        ),
        (GpuState("GPU-1"), "GPU-1: its driver tells nothing"),
    ],
)
def test_the_state_of_gpus_is_said(gpu, words):
    assert words in summary_of([gpu])


def test_sittings_on_several_boards_are_said():
    boards = [GpuState(f"GPU-{number}") for number in (1, 2)]
    assert "the sittings were on 2 boards: GPU-1, GPU-2" in summary_of(*([board] for board in boards))
    assert "boards" not in "".join(summary_of(boards, boards))


def test_a_session_ends_with_the_command(tmp_path):
    file = tmp_path / "output"

    class Interrupted:
        def sample(self):
            if file.read_text():
                raise KeyboardInterrupt

    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with file.open("w") as output, pytest.raises(KeyboardInterrupt):
        calibrate.watched([sys.executable, "-c", program], output, Interrupted(), threading.Event())
    assert not psutil.pid_exists(int(file.read_text()))


def summary_of(*gpus_of_sittings):
    sittings = tuple(Sitting("2026-01-01T12:00:00+00:00", {}, gpus=tuple(gpus)) for gpus in gpus_of_sittings)
    noise = MachineNoise(Kind.GPU, sittings)
    return calibrate.summary_lines(Path("noise.json"), noise, floors(Kind.GPU, noise), 0)


@pytest.mark.slow
def test_what_was_seen_is_written_and_what_it_supports_is_said(project):
    project.benchmark(SCATTERS)
    result = run(project, ".")
    assert result.ret == 0, result.stderr.str()
    result.stdout.fnmatch_lines([
        "wrote baselines/*/noise.json: 1 sitting. Commit it",
        "  between the runs of a session: 1.7% assumed; * measured with 4 degrees of freedom, of 10 needed*",
        "  between sessions: 1.2% assumed, until there are sittings on 6 days (now 1)",
        "  between interleaved pairs: *% measured with * degrees of freedom*",
        "  stored baselines of 3 runs: a tolerance of *%; slowdowns of *% are found 95 times in 100",
        "  --accel-against: a tolerance of *%; slowdowns of *% are found 95 times in 100",
    ])  # fmt: skip
    (file,) = project.path.glob("baselines/*/noise.json")
    (sitting,) = json.loads(file.read_text())["sittings"]
    assert len(sitting["sessions"]) == len(sitting["pairs"]) == calibrate.MIN_SESSIONS
    project.record()
    assert project.run().parseoutcomes() == {"passed": 1}


@pytest.mark.slow
def test_a_broken_file_ends_a_session_before_anything_runs(project):
    project.record()
    (project.baseline_file.parents[2] / "noise.json").write_text("{")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.pids == []
    assert "call pytest-accel calibrate again" in result.stderr.str() + result.stdout.str()


@pytest.mark.slow
def test_what_was_seen_before_a_session_failed_is_saved(project):
    """Also in a project that runs what failed last first."""
    (project.path / "pytest.ini").write_text("[pytest]\naddopts = --ff\n")
    conftest = project.path / "conftest.py"
    conftest.write_text(conftest.read_text() + FAILS_FROM_THE_THIRD_SESSION_ON)
    project.benchmark(SCATTERS)
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines([
        "pytest-accel: saved 1 session in *noise.json", "pytest-accel: a session of these benchmarks failed:",
    ])  # fmt: skip
    (file,) = project.path.glob("baselines/*/noise.json")
    (sitting,) = json.loads(file.read_text())["sittings"]
    assert len(sitting["sessions"]) == 1


@pytest.mark.slow
def test_a_benchmark_that_fails_is_named(project):
    project.benchmark(SCATTERS + "\n\ndef test_fails(accel):\n    assert not accel\n")
    result = run(project, ".")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["wrote *noise.json: 1 sitting. Commit it", "FAILED test_it.py::test_fails*"])
    project.benchmark("def test_fails(accel):\n    assert not accel\n")
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["FAILED test_it.py::test_fails*"])


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_what_was_seen_before_the_command_was_ended_is_saved(project, sent, code):
    project.benchmark(SCATTERS)
    command = [sys.executable, "-m", "pytest_accel.cli.main", "calibrate", ".", "--minutes=10"]
    with subprocess.Popen(command, cwd=project.path, stderr=subprocess.PIPE, text=True) as calibrating:
        assert calibrating.stderr.readline() == "pytest-accel: 1 session of either kind\n"
        children = psutil.Process(calibrating.pid).children()
        calibrating.send_signal(sent)
        _, said = calibrating.communicate(timeout=60)
    assert calibrating.returncode == code
    assert "pytest-accel: saved 1 session in " in said or "pytest-accel: saved 2 sessions in " in said
    assert len([*project.path.glob("baselines/*/noise.json")]) == 1
    assert not any(child.is_running() for child in children)


@pytest.mark.slow
def test_options_of_pytest_follow_whatever_stands_before_them(project):
    project.benchmark(SCATTERS)
    command = [sys.executable, "-m", "pytest_accel.cli.main", "calibrate"]
    result = project.pytester.run(*command, ".", "--minutes=0.001", "--", "--accel-tolerance=none")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*--accel-tolerance*none*"])


@pytest.mark.slow
def test_what_cannot_be_saved_ends_it_after_the_first_session(project):
    project.benchmark(SCATTERS)
    project.record()
    (project.baseline_file.parents[2] / "noise.json").write_text("{")
    before = len(project.pids)
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: *noise.json: *call pytest-accel calibrate again."])
    assert len(project.pids) - before <= calibrate.RUNS


@pytest.mark.slow
def test_packages_that_share_baselines_have_names_of_their_own(project, monkeypatch):
    project.benchmark(SCATTERS)
    package = project.path / "package"
    package.mkdir()
    (package / "pytest.ini").write_text("[pytest]\naccel_baselines = ../baselines\n")
    for name in ("conftest.py", "test_it.py"):
        (project.path / name).rename(package / name)
    monkeypatch.chdir(package)
    assert run(project, ".").ret == 0
    (file,) = project.path.glob("baselines/*/noise.json")
    (sitting,) = json.loads(file.read_text())["sittings"]
    assert {*sitting["sessions"][0]} == {*sitting["pairs"][0]} == {"package/test_it.py::test_step"}


def test_pairs_of_which_one_process_came_after_the_other_are_no_interleaved_pairs():
    """As on a TPU, which one process holds: their runs need not be of the same length."""

    def steps(*times_s):
        return {"kind": "steps", "step_times_s": times_s}

    times_s = [1.0] * 5
    pairs = {"runs": [steps(*times_s), steps(1.0)], "reference_runs": [steps(*times_s), steps(1.0, 2.0)]}
    data = {"benchmarks": [{"nodeid": "test_it", **pairs, "interleaved_pairs": [True, False]}]}
    assert calibrate._ratios(data) == {"test_it": (0.0,)}


@pytest.mark.parametrize(
    ("cores", "options", "are_kept"),
    [(1.5, [], False), (0.02, [], True), (1.5, ["--", "--accel-wait=0"], True)],
)
def test_pairs_beside_other_programs_are_left_out(monkeypatch, tmp_path, capsys, cores, options, are_kept):
    """On a machine that is as busy as said, and sessions that are over at once."""
    steps = Steps((0.1,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4)
    result = Result(
        "test_it.py::test_step", Verdict(Outcome.PASSED, ""), Workload("measure", "numpy", 8), (steps,),
        {"step_time_s": 0.1}, reference_runs=(steps,), interleaved_pairs=(True,),
    )  # fmt: skip
    session = json.loads(json_writer.text(Accelerator("cpu-x", Kind.CPU, "X", 2), None, {}, [result]))
    monkeypatch.setattr(calibrate, "_session", lambda *_arguments: session)
    others = SimpleNamespace(usage=lambda: Usage(cores, 2, "make (pid 7)", cores))
    monkeypatch.setattr(calibrate, "OtherPrograms", lambda: others)
    assert main.main(["calibrate", ".", "--minutes=0.0001", f"--baselines={tmp_path}", *options]) == 0
    (sitting,) = json.loads((tmp_path / "cpu-x" / "noise.json").read_text())["sittings"]
    assert any(sitting["pairs"]) == are_kept
    said = "sessions left out: disturbed by other programs" in capsys.readouterr().out
    assert said != are_kept


@pytest.mark.slow
def test_benchmarks_that_cannot_run_are_said(project):
    project.benchmark("import nothing_of_that_name")
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: a session of these benchmarks failed:"])


@pytest.mark.slow
def test_benchmarks_that_time_no_steps_are_said(project):
    project.benchmark("def test_nothing(): pass")
    result = run(project, ".")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: *"])
