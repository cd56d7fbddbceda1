"""Baseline files with anything in them, through reading, judging, every report and every command.

Each trial changes up to three members of a sound file, or its text: bits, a piece that is missing or doubled.
Whatever the file then says, it is refused with its path and what is wrong, or judged, and both can be shown.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import one_update
from trial import Trial

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines import BaselineStore, file_format
from pytest_accel.baselines.errors import BrokenBaseline
from pytest_accel.cli import main
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.records import Accelerator, Baseline, Benchmark, Kind, Outcome, Result, Run
from pytest_accel.reports import markdown
from pytest_accel.reports.common import json_writer
from pytest_accel.reports.common.table import table
from pytest_accel.reports.html import benchmark_figures

BASELINES = Path(__file__).parents[2] / "baselines"
SOUND = {
    "training": (BASELINES / "any-cpu/tensorflow/benchmarks/test_convergence.py/test_digits.json", Kind.CPU),
    "program": (
        BASELINES / "aot-tpu-v2-8/jax/benchmarks/test_resnet50.py/test_synthetic_throughput[128].json",
        Kind.TPU,
    ),
    "steps": (None, Kind.CPU),
}
TRIALS_EACH = 700

ODD: tuple[object, ...] = (
    *(-1, 0, 1e-320, 5e-324, 1e-13, 1e9, 1.7e308, 10**400, float("nan"), float("inf"), -0.0, 2**63),
    *(
        "",
        "x" * 500,
        "\x1b[31m\u202e@team",
        "2999-01-01",
        "2026-01-01T00:00:00",
        "../../etc/passwd",
        "\ud800",
    ),
    *(None, True, False, [], {}, [[]], {"a": 1}, [None] * 3),
)
FACTORS = (1e-300, 1e-9, 0.5, 2, 1e9, 1e300, -1)
COMMANDS = (["list"], ["show", "test_"], ["history", "test_"], ["compare", one_update.IDENTITY])


def trials() -> Iterator[Trial]:
    for name in SOUND:
        for number in range(TRIALS_EACH):
            yield Trial("corrupted file", f"{name} {number}", functools.partial(one, name))


def one(name: str, rng: random.Random) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        baseline, kind = sound(name)
        store = BaselineStore(Path("baselines").absolute(), one_update.IDENTITY)
        path = store.path(baseline.benchmark, baseline.workload.framework)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(corrupted(file_format.dumps(baseline), rng))
        found = []
        result = judged(baseline, kind, store)
        try:
            store.load(benchmark_of(baseline), baseline.workload.framework)
        except BrokenBaseline as fault:
            if result.verdict.outcome is not Outcome.INCOMPARABLE:
                found.append(f"the file is broken, and the benchmark {result.verdict.outcome.value}")
            if str(path) not in str(fault):
                found.append(f"the file is not named: {fault}")
        show_everywhere(result)
        for command in COMMANDS:
            found += called(command)
        return found


def sound(name: str) -> tuple[Baseline, Kind]:
    path, kind = SOUND[name]
    if path is not None:
        return file_format.loads(path.read_bytes()), kind
    for minute in (1, 2):
        one_update.update(Path("baselines"), minute)
    baseline = one_update.store_in(Path("baselines")).load(one_update.BENCHMARK, "tensorflow")
    assert baseline is not None
    return baseline, kind


def benchmark_of(baseline: Baseline) -> Benchmark:
    return Benchmark(baseline.benchmark, baseline.parameters)


class Again:
    """Gives the same run again and again."""

    min_samples = 1

    def __init__(self, run: Run) -> None:
        self._run = run

    def next(self) -> Run:
        return self._run


def judged(baseline: Baseline, kind: Kind, store: BaselineStore) -> Result:
    """What a session says that repeats the run that was accepted."""
    unset = dict.fromkeys(Settings.__dataclass_fields__)
    given: dict[str, Any] = {"runs": 1, "wait": 0.0, "budget": 60.0, "accel": kind}
    rest: dict[str, Any] = {"kinds": (), "min_devices": 1, "min_memory": 0}
    topology = "v2-8" if kind is Kind.TPU else None
    accelerator = Accelerator(one_update.IDENTITY, kind, "TPU v2", 8, topology=topology)
    context = GateContext(accelerator, Settings(**{**unset, **given, **rest}), store, 1, floors(kind, None))
    gate = BaselineGate(
        benchmark_of(baseline), baseline.benchmark, context, lambda _: None, pause=lambda _: None
    )
    run = Run(baseline.workload, baseline.current.runs[0], baseline.current.provenance)
    return gate.result(Again(run))


def show_everywhere(result: Result) -> None:
    for width in (80, 200):
        table([result], width)
    markdown.text("accel: cpu", [result])
    accelerator = Accelerator(one_update.IDENTITY, Kind.CPU, "CPU", 2)
    json.loads(json_writer.text(accelerator, None, {}, [result]), parse_constant=refuse)
    benchmark_figures.of_benchmark(result)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def called(command: list[str]) -> list[str]:
    """What is wrong with an answer of the command line."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = main.main(command)
    found = [] if status in (0, 1, 2) else [f"{command[0]}: exit status {status}"]
    printed = output.getvalue() + errors.getvalue()
    if "\x1b" in printed or "\u202e" in printed:
        found.append(f"{command[0]} prints control characters")
    return found


def corrupted(content: bytes, rng: random.Random) -> bytes:
    change: Callable[[bytes, random.Random], bytes] = rng.choice((members, members, members, text))
    return change(content, rng)


def members(content: bytes, rng: random.Random) -> bytes:
    """Up to three members replaced, removed, doubled or multiplied."""
    data = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        *parents, last = rng.choice([way for way in ways(data) if way])
        place = data
        for key in parents:
            place = place[key]
        old, what = place[last], rng.choice(("replace", "remove", "double", "scale"))
        if what == "remove":
            del place[last]
        elif what == "double" and isinstance(place, list):
            place.append(old)
        elif what == "scale" and type(old) in (int, float) and abs(old) < 2**53:
            place[last] = old * rng.choice(FACTORS)
        else:
            place[last] = rng.choice(ODD)
    return json.dumps(data).encode()


def ways(value: object, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each member of a JSON value."""
    yield way
    if isinstance(value, dict):
        for key, member in value.items():
            yield from ways(member, (*way, key))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from ways(member, (*way, number))


def text(content: bytes, rng: random.Random) -> bytes:
    """Bits that flip, a piece that is missing, doubled or from elsewhere."""
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice((1, 2, 16, 1024)))
    piece = rng.choice((
        b"",
        content[start:end] * 2,
        bytes(byte ^ (1 << rng.randrange(8)) for byte in content[start:end]),
        rng.randbytes(end - start),
    ))  # fmt: skip
    return content[:start] + piece + content[end:]
