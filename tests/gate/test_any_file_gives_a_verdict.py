"""From a baseline file with anything in it to a printed verdict, in every report."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.rules.calibration import floors
from pytest_accel.api.settings import Settings
from pytest_accel.baselines.errors import BrokenBaseline
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.cli import main
from pytest_accel.gate.baseline_gate import BaselineGate
from pytest_accel.gate.benchmark_kind import GateContext
from pytest_accel.gate.kinds import KINDS as KINDS_OF_BENCHMARKS
from pytest_accel.records import (
    Accelerator,
    AcceptedEntry,
    Benchmark,
    Curve,
    Epoch,
    Kind,
    LoopBody,
    Operations,
    Outcome,
    ProgramFacts,
    Run,
    Steps,
    Workload,
)
from pytest_accel.reports import markdown
from pytest_accel.reports.common import json_writer
from pytest_accel.reports.common.table import table
from pytest_accel.reports.html import benchmark_figures

BENCHMARK = Benchmark("test_it.py::test_step")
PROGRAM = ProgramFacts(
    "spmd",
    8,
    4e11,
    6e9,
    10**9,
    5 * 10**7,
    {"copies": Operations(4, 4000)},
    (None, 3),
    loop_bodies=(LoopBody(None, "", 1e9, 1e-3), LoopBody("model.py:3", "while", 1e9, 1e-3)),
    modelled_step_time_s=0.02,
)


def curve(seed):
    epochs = tuple(Epoch(2.0 - top1, top1, top1, 9.0, 1.0) for top1 in (0.3, 0.9, 0.95))
    return Curve(seed, epochs, 1408, 360, 1.0, 1.0, 1.0)


def steps(*times_s):
    return Steps(times_s * 10, 1, 1.0, 1.0, 1.0, 1.0, 4, 10**8, (2.3,) * 10 * len(times_s))


KINDS = {
    "steps": (
        Kind.CPU,
        {"lr": 0.1},
        [steps(0.25, 0.26), steps(0.255, 0.27), steps(0.26, 0.3)],
        steps(0.25, 0.27),
    ),
    "convergence": (
        Kind.CPU,
        {"dataset": "digits", "epochs": 3, "target": 0.9},
        [*map(curve, range(5))],
        curve(5),
    ),
    "program": (Kind.TPU, {"topology": "v2-8"}, [PROGRAM], PROGRAM),
}
NUMBERS = [-1, 0, 1e-320, 5e-324, 1e-13, 1e9, 1.7e308, 10**400, float("nan"), float("inf")]
TEXTS = ["", "x" * 500, "\x1b[31m\u202e@team", "2999-01-01", "2026-01-01T00:00:00"]
ODD = [*NUMBERS, *TEXTS, None, True, [], {}, [[]], {"a": 1}]


class Same:
    """Gives the same run again and again."""

    min_samples = 1

    def __init__(self, run):
        self._run = run

    def next(self):
        return self._run


@pytest.fixture(params=KINDS)
def project(request, tmp_path, monkeypatch):
    """A store with a baseline of two entries, and what judges one more run by whatever the file then says."""
    monkeypatch.chdir(tmp_path)
    kind, parameters, observations, now = KINDS[request.param]
    workload = Workload("resnet50", "tensorflow", 64, parameters)
    accelerator = Accelerator(
        "some-identity", kind, "TPU v2", 8, topology="v2-8" if kind is Kind.TPU else None
    )
    store = BaselineStore(tmp_path / "baselines", accelerator.identity)
    defaults = dict.fromkeys(Settings.__dataclass_fields__)
    asked = {
        "runs": 1,
        "wait": 0.0,
        "budget": 60.0,
        "accel": kind,
        "kinds": (),
        "min_devices": 1,
        "min_memory": 0,
    }
    context = GateContext(accelerator, Settings(**{**defaults, **asked}), store, 1, floors(kind, None))

    def gate():
        return BaselineGate(BENCHMARK, BENCHMARK.name, context, lambda _: None, pause=lambda _: None)

    for time in ("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"):
        runs = [Run(workload, observation, {}) for observation in observations]
        summary = KINDS_OF_BENCHMARKS[type(observations[0])](context).summary(workload, runs)
        store.accept(
            BENCHMARK, workload, AcceptedEntry(time, {"tensorflow": "2.20"}, summary, tuple(observations))
        )
    path = store.path(BENCHMARK.name, "tensorflow")

    def judged():
        return gate().result(Same(Run(workload, now, {"tensorflow": "2.21"})))

    judged.path, judged.original, judged.store = path, path.read_text(), store
    judged.accelerator = accelerator
    return judged


def places(value, way=()):
    """The way to each member of a JSON value."""
    yield way
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*way, key))


def changed(text, draw):
    """The file with up to three of its members replaced, removed, doubled or multiplied."""
    data = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from([way for way in places(data) if way]))
        *parents, last = way
        place = data
        for key in parents:
            place = place[key]
        what = draw(st.sampled_from(["replace", "remove", "double", "scale"]))
        old = place[last]
        if what == "remove":
            del place[last]
        elif what == "double" and isinstance(place, list):
            place.append(old)
        elif what == "scale" and type(old) in (int, float) and abs(old) < 2**53:
            place[last] = old * draw(st.sampled_from([1e-300, 1e-9, 0.5, 2, 1e9, 1e300, -1]))
        else:
            place[last] = draw(st.sampled_from(ODD))
    return json.dumps(data)


def show_everywhere(result, accelerator):
    """What prints or writes a result, which must not raise."""
    for width in (80, 200):
        assert table([result], width)
    assert markdown.text("accel: cpu", [result])
    json.loads(json_writer.text(accelerator, None, {}, [result]), parse_constant=pytest.fail)
    for figure in benchmark_figures.of_benchmark(result):
        assert all(len(row) == len(figure.header) for row in figure.rows)


def fault(store):
    """What is wrong with the file, None if nothing is."""
    try:
        store.load(BENCHMARK, "tensorflow")
    except BrokenBaseline as broken:
        return str(broken)
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_file_gives_a_word_on_it_or_a_result_in_every_report(project, capsys, data):
    project.path.write_text(changed(project.original, data.draw))
    result = project()
    show_everywhere(result, project.accelerator)
    if fault(project.store) is not None:
        assert result.verdict.outcome is Outcome.INCOMPARABLE
        assert str(project.path) in fault(project.store)
    for command in (["list"], ["show", "test_step"], ["history", "test_step"], ["compare", "some-identity"]):
        assert main.main(command) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_the_file_as_it_was_passes(project):
    project.path.write_text(project.original)
    assert project().verdict.outcome is Outcome.PASSED
