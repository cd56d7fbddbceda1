"""What a session says of the time that it will take."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_accel.analysis.formatting import duration
from pytest_accel.api.settings import Settings
from pytest_accel.gate.forecast import forecast
from pytest_accel.records import AcceptedEntry, Baseline, Curve, Epoch, Kind, ProgramFacts, Steps, Workload

ALL = {field.name: None for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING}
SETTINGS = Settings(**{**ALL, "runs": 3, "budget": 60.0})

STEPS = Steps((0.25,) * 40, 2, 4.0, 3.0, 2.0, 1.0, 4)
EPOCH = Epoch(0.5, 0.9, 1.0, training_time_s=50.0, evaluation_time_s=5.0)
CURVE = Curve(0, (EPOCH, EPOCH), 100, 10, 4.0, 3.0, 3.0)
PROGRAM = ProgramFacts(
    "spmd", 4, 1e9, 1e9, 10**9, 10**6, {}, startup_time_s=4.0, build_time_s=3.0, compile_time_s=33.0
)


def stored(*runs):
    entry = AcceptedEntry("2026-01-01T00:00:00+00:00", {}, {}, runs)
    return Baseline("test_it.py::test_it", Workload("measure", "python", 32), (entry,))


@pytest.mark.parametrize(
    ("benchmarks", "words"),
    [
        ([stored(STEPS, STEPS)], "1 benchmark, about 90 s if nothing has changed"),  # three runs of 30 s
        ([stored(STEPS), stored(STEPS)], "2 benchmarks, about 3 min if nothing has changed"),
        ([stored(CURVE, CURVE)], "1 benchmark, about 4 min if nothing has changed"),  # 120 s for each seed
        ([stored(PROGRAM)], "1 benchmark, about 40 s if nothing has changed"),
        ([None], "1 benchmark, at most 60 s of timed steps, plus start-up and trainings to a target"),
        (
            [stored(STEPS), None, None],
            "3 benchmarks, about 90 s for 1 of them if nothing has changed, at most 60 s of timed steps for "
            "each of the others, plus start-up and trainings to a target",
        ),
    ],
)
def test_it_follows_from_what_is_stored(benchmarks, words):
    assert forecast([(SETTINGS, one) for one in benchmarks], Kind.TPU) == words


@pytest.mark.parametrize(
    ("hardware", "wait_s", "words"),
    [
        (Kind.GPU, 60.0, "about 36 s"),  # three runs of 12 s
        (Kind.CPU, 60.0, "about 72 s"),  # the last of them a minute after the first
        (Kind.CPU, 0.0, "about 36 s"),
    ],
)
def test_recording_on_a_cpu_takes_a_pause_as_well(hardware, wait_s, words):
    run = dataclasses.replace(STEPS, step_times_s=(0.05,) * 20)  # 10 s to start and 2 s of timed steps
    update = dataclasses.replace(SETTINGS, update_baselines=True, wait=wait_s)
    assert forecast([(update, stored(run))], hardware) == f"1 benchmark, {words}"


def test_recording_anew_takes_pauses_of_that_length():
    missing = dataclasses.replace(SETTINGS, record_missing=True, wait=30.0)
    assert forecast([(missing, None)], Kind.CPU) == (
        "1 benchmark, at most 60 s of timed steps, plus start-up, pauses of up to 30 s, waits for a quiet "
        "machine and trainings to a target"
    )
    assert forecast([(missing, None)], Kind.GPU) == (
        "1 benchmark, at most 60 s of timed steps, plus start-up and trainings to a target"
    )


def test_in_this_process_there_is_one_run():
    in_process = dataclasses.replace(SETTINGS, in_process=True)
    assert (
        forecast([(in_process, stored(STEPS))], Kind.CPU) == "1 benchmark, about 30 s if nothing has changed"
    )


def test_what_is_compiled_only_has_no_timed_steps():
    compiled_only = dataclasses.replace(SETTINGS, topology="v2-8")
    benchmarks = [stored(PROGRAM), None, None]
    assert forecast([(compiled_only, one) for one in benchmarks], Kind.TPU) == (
        "3 benchmarks, about 40 s for 1 of them if nothing has changed, a compilation for each of the "
        "others, which takes minutes for a large program"
    )


def test_beside_another_environment_only_the_limits_are_known():
    against = dataclasses.replace(SETTINGS, against="/venvs/new", budget=300.0)
    assert forecast([(against, None)] * 2, Kind.CPU) == (
        "2 benchmarks, at most 20 pairs of processes and 5 min of timed steps per side each, plus start-up"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (99.4, "99 s"), (99.6, "2 min"), (5950, "99 min"), (9000, "2.5 h"), (0, "1 s")],
)
def test_times_are_said_as_people_plan_with_them(seconds, words):
    assert duration(seconds) == words
