"""Record sessions of an unchanged training step for detection_study.py to replay.

    python studies/detection/record_sessions.py quiet_again.json --about="two quiet cores" --sessions=12

Each session is a fresh process that warms a ResNet-50 step up and times blocks of steps, as a run of a
benchmark does. With ``--neighbour`` a process is busy on and off beside every second session. Called again
for the same file, it adds a sitting. Move the file to studies/detection/data to have it replayed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import time
from pathlib import Path
from typing import Any

import psutil

from pytest_accel.api.options import positive_int

BUSY_S = 3.0
"""A neighbour is busy for up to so long, then as long still."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--about", default="", help="what machine, how busy")
    parser.add_argument("--sessions", type=positive_int, default=12)
    parser.add_argument("--blocks", type=positive_int, default=120)
    parser.add_argument("--batch", type=positive_int, default=32)
    parser.add_argument("--image-size", type=positive_int, default=32)
    parser.add_argument("--neighbour", action="store_true")
    options = parser.parse_args()

    content: dict[str, Any] = {"about": options.about, "began_s": round(time.time()), "sessions": []}
    if options.file.exists():
        content = json.loads(options.file.read_text())
    sitting = 1 + max((session["sitting"] for session in content["sessions"]), default=-1)
    for number in range(options.sessions):
        busy = options.neighbour and number % 2 == 1
        started_s = round(time.time() - content["began_s"], 1)
        session = recorded(options.batch, options.image_size, options.blocks, busy=busy)
        facts = {"sitting": sitting, "started_s": started_s, "busy": busy, "yardsticks": {}}
        content["sessions"].append({**facts, **session})
        options.file.write_text(formatted(content))
        fastest_s, others_cores = min(session["step_times_s"]), session["others_cores"]
        print(f"{fastest_s:.4f} s, others used {others_cores:.2f} cores", flush=True)


def formatted(content: dict[str, Any]) -> str:
    """JSON with a line a session."""
    sessions = ",\n  ".join(json.dumps(session) for session in content["sessions"])
    head = json.dumps({key: value for key, value in content.items() if key != "sessions"})
    return f'{head.removesuffix("}")}, "sessions": [\n  {sessions}\n]}}\n'


def recorded(batch: int, image_size: int, blocks: int, *, busy: bool) -> dict[str, Any]:
    """One session: seconds a step of each block, and how many cores other processes kept busy meanwhile."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=timed, args=(theirs, batch, image_size, blocks))
    neighbour = spawn.Process(target=disturb, daemon=True)
    if busy:
        neighbour.start()
    child.start()
    session: dict[str, Any] = ours.recv()
    child.join()
    if busy:
        neighbour.kill()
        neighbour.join()
    return session


def timed(line: multiprocessing.connection.Connection, batch: int, image_size: int, blocks: int) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from pytest_accel import frameworks
    from pytest_accel.api.workloads import workload
    from pytest_accel.records import Kind, Plan
    from pytest_accel.runs.time_blocks import long_enough
    from pytest_accel.worker.step_timer import StepTimer

    framework = frameworks.load("tensorflow")
    framework.start(Kind.CPU)
    spec = workload("resnet50", framework="tensorflow", global_batch=batch, image_size=image_size)
    measurement = StepTimer(Plan(spec, lambda: framework.build(spec)))
    steps = long_enough(measurement.prepare().step_time_s)
    begin_s, machine_s, own_s = time.time(), machine_time_s(), time.process_time()
    times_s = [measurement.block(steps).time_s / steps for _ in range(blocks)]
    others_s = machine_time_s() - machine_s - (time.process_time() - own_s)
    line.send({
        "step_times_s": [float(f"{time_s:.6g}") for time_s in times_s],
        "others_cores": round(max(0.0, others_s / (time.time() - begin_s)), 3),
    })  # fmt: skip


def machine_time_s() -> float:
    """CPU time that all processes of this machine have used."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def disturb() -> None:
    while True:
        end = time.monotonic() + random.uniform(0, BUSY_S)
        while time.monotonic() < end:
            sum(range(20_000))
        time.sleep(random.uniform(0, BUSY_S))


if __name__ == "__main__":
    main()
