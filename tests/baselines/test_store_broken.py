import dataclasses
import json
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.rules import convergence
from pytest_accel.baselines import BaselineStore, BrokenBaseline, OtherSchema, StoreError
from pytest_accel.records import AcceptedEntry, Benchmark, Curve, Epoch, Steps, Workload
from pytest_accel.records.json_codec import encode

NODEID = "test_a.py::test_b"
BENCHMARK = Benchmark(NODEID)
WORKLOAD = Workload("resnet50", "tensorflow", 64, {"lr": 0.1})
STEPS = Steps((0.25, 0.26), 2, 1.0, 2.0, 3.0, 4.0, 5, 900_000_000, (6.9, 6.5))
ENTRY = AcceptedEntry("2025-01-01T12:00:00+00:00", {"tensorflow": "2.20.0"}, {"step_time_s": 0.25}, (STEPS,))


@pytest.fixture
def store(tmp_path):
    return BaselineStore(tmp_path / "baselines", "cpu-2")


@pytest.fixture
def path(store):
    """The file of NODEID, with one accepted entry in it."""
    store.accept(BENCHMARK, WORKLOAD, ENTRY)
    return store.path(NODEID, "tensorflow")


def put(path, keys, value):
    """Replace or add one member of the JSON in ``path``."""
    data = json.loads(path.read_text())
    *parents, last = keys
    place = data
    for key in parents:
        place = place[key]
    place[last] = value
    path.write_text(json.dumps(data))


WAY_OUT = "Restore it from version control, or delete it and record anew with --accel-update-baselines."
RUN = ("accepted", 0, "runs", 0)


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        ((*RUN, "step_times_s", 1), math.nan, "accepted[0].runs[0].step_times_s[1]: nan is not a finite"),
        ((*RUN, "step_times_s", 1), math.inf, "accepted[0].runs[0].step_times_s[1]: inf is not a finite"),
        ((*RUN, "step_times_s", 0), -0.25, "accepted[0].runs[0].step_times_s[0]: -0.25 is not above 0"),
        ((*RUN, "step_times_s", 0), 0, "accepted[0].runs[0].step_times_s[0]: 0.0 is not above 0"),
        ((*RUN, "step_times_s"), [], "accepted[0].runs[0].step_times_s: empty"),
        ((*RUN, "step_times_s"), ["fast"], "accepted[0].runs[0].step_times_s[0]: a number expected"),
        ((*RUN, "steps_per_block"), 0, "accepted[0].runs[0].steps_per_block: 0 is not above 0"),
        ((*RUN, "compile_time_s"), -1, "accepted[0].runs[0].compile_time_s: -1.0 is below 0"),
        ((*RUN, "peak_memory_bytes"), 0, "accepted[0].runs[0].peak_memory_bytes: 0 is not above 0"),
        ((*RUN, "peak_memory_bytes"), 10**999, "accepted[0].runs[0].peak_memory_bytes: 1000"),
        ((*RUN, "losses", 1), math.nan, "accepted[0].runs[0].losses[1]: nan is not a finite number"),
        ((*RUN, "conditions", "load_average"), -1, "accepted[0].runs[0].conditions.load_average: -1.0"),
        ((*RUN, "colour"), "red", "accepted[0].runs[0].colour: unknown field"),
        (("accepted", 0, "summary", "step_time_s"), 0, "accepted[0].summary.step_time_s: 0.0 is not above 0"),
        (("accepted", 0, "summary", "compile_time_s"), -1, "accepted[0].summary.compile_time_s: -1.0"),
        (("accepted", 0, "summary", "final_loss"), math.nan, "accepted[0].summary.final_loss: nan is not"),
        (("accepted", 0, "summary"), {}, "accepted[0].summary: empty"),
        (("accepted", 0, "runs"), [], "accepted[0].runs: empty"),
        (("accepted", 0, "time"), "yesterday", "accepted[0].time: 'yesterday' is not a time"),
        (("accepted",), [], "accepted: empty"),
        (("accepted",), None, "accepted: a list expected, not null"),
        (("workload", "examples_per_step"), 128, "workload.hash: the fields give"),
        (("workload", "examples_per_step"), 0, "workload.examples_per_step: 0 is not above 0"),
        (("workload", "parameters", "lr"), math.nan, "workload.parameters.lr: nan is not a finite number"),
        (("workload", "parameters", "name"), "x", "workload.parameters.name: a field of the workload"),
        (("workload", "hash"), None, "workload.hash: the fields give"),
        (("workload",), "resnet50", "workload: an object expected"),
        (("benchmark",), "test_c.py::test_d", "benchmark: 'test_c.py::test_d' belongs into"),
        (("benchmark",), 7, "benchmark: a string expected, not 7"),
        (("parameters",), ["8"], "parameters: an object expected"),
        (("parameters",), {"batch": 8}, "parameters.batch: a string expected, not 8"),
    ],
)
def test_a_broken_field_is_named_with_its_file_and_the_way_out(store, path, keys, value, named):
    put(path, keys, value)
    with pytest.raises(BrokenBaseline) as caught:
        store.load(BENCHMARK, "tensorflow")
    message = str(caught.value)
    assert message.startswith(f"{path}: {named}")
    assert message.endswith(f". {WAY_OUT}")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "line 1 column 1: not JSON"),
        (b'{\n "schema": 1,\n', "line 3 column 1: not JSON"),
        (b'{\n<<<<<<< HEAD\n "schema": 1\n}', "line 2 column 1: not JSON"),
        (b"[]", "top level: an object expected"),
        (b'{"schema": 1, "schema": 1}', "top level: the key 'schema' stands twice"),
        (b'{"schema": "\xff"}', "byte 12: not UTF-8"),
        (b"[" * 100_000, "top level: nested too deeply"),
        (b'{"schema": ' + b"1" * 5000 + b"}", "top level: Exceeds the limit"),
        (b'{"schema": 1}', "workload: an object expected"),
        (b'{"schema": 1, "workload": {}}', "benchmark: missing"),
    ],
)
def test_a_file_that_is_no_baseline_is_named(store, path, content, named):
    path.write_bytes(content)
    with pytest.raises(BrokenBaseline, match=re.escape(f"{path}: {named}")):
        store.load(BENCHMARK, "tensorflow")


def test_a_newer_schema_says_upgrade(store, path):
    put(path, ("schema",), 3)
    message = "written by a newer pytest-accel (schema 3, this one reads up to 2): upgrade pytest-accel. Or"
    with pytest.raises(OtherSchema, match=re.escape(message)):
        store.load(BENCHMARK, "tensorflow")


@pytest.mark.parametrize("schema", [0, -1, None, "1", True, 1.0, [[]]])
def test_a_schema_that_never_was_is_named(store, path, schema):
    put(path, ("schema",), schema)
    message = "schema: absent, or none that pytest-accel ever wrote; this one reads up to 2"
    with pytest.raises(OtherSchema, match=message):
        store.load(BENCHMARK, "tensorflow")


def test_a_broken_baseline_is_not_overwritten_and_leaves_the_others_readable(store, path):
    other = store.accept(Benchmark(f"{NODEID}_other"), WORKLOAD, ENTRY)
    path.write_bytes(b"{")
    with pytest.raises(BrokenBaseline, match="line 1"):
        store.accept(BENCHMARK, WORKLOAD, ENTRY)
    path.with_name("dangling.json").symlink_to("nowhere")
    assert path.read_bytes() == b"{"
    assert store.sample() == (other,)


def test_a_copied_file_is_named(store, path):
    copy = path.with_name("test_copy.json")
    copy.write_bytes(path.read_bytes())
    with pytest.raises(BrokenBaseline, match=re.escape(f"{copy}: benchmark: '{NODEID}' belongs into {path}")):
        store.load(Benchmark("test_a.py::test_copy"), "tensorflow")


def timed(step_time_s):
    return dataclasses.replace(STEPS, step_times_s=(step_time_s,))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"runs": (timed(math.nan),)}, "runs[0].step_times_s[0]: nan is not a finite number"),
        ({"runs": (timed(0.0),)}, "runs[0].step_times_s[0]: 0.0 is not above 0"),
        ({"runs": ()}, "runs: empty"),
        ({"provenance": {"tensorflow": None}}, "provenance.tensorflow: a string expected"),
        ({"summary": {"throughput": 1j}}, "summary.throughput: JSON has no form for complex"),
    ],
)
def test_an_entry_that_breaks_the_rules_is_not_written(store, path, changes, named):
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(ENTRY, **changes))
    assert f"cannot accept into {path}: accepted[1].{named}" in str(caught.value)
    assert "Nothing was written; measure again." in str(caught.value)
    assert path.read_bytes() == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
same_store = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load_or_be_told(store, path):
    """A baseline, or what is wrong with the file. Anything else, None too, is a fault of the store."""
    try:
        baseline = store.load(BENCHMARK, "tensorflow")
    except BrokenBaseline as error:
        return str(error)
    assert baseline is not None
    return f"{path} holds {baseline}"


@same_store
@given(content=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_content_is_broken(store, path, content):
    path.write_bytes(content)
    message = load_or_be_told(store, path)
    assert message.startswith(f"{path}: ")
    assert "record anew" in message


@same_store
@given(position=st.integers(0), byte=st.integers(0, 255))
def test_a_changed_byte_is_told_or_harmless(store, path, position, byte):
    path.unlink()
    store.accept(BENCHMARK, WORKLOAD, ENTRY)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = byte
    path.write_bytes(content)
    assert load_or_be_told(store, path).startswith(str(path))


def members(data, keys=()):
    """The keys that lead to every member of parsed JSON."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, member in pairs:
        yield (*keys, key)
        yield from members(member, (*keys, key))


@same_store
@given(data=st.data(), value=json_values)
def test_a_changed_field_is_told_or_harmless(store, path, data, value):
    path.unlink()
    store.accept(BENCHMARK, WORKLOAD, ENTRY)
    keys = data.draw(st.sampled_from(list(members(json.loads(path.read_text())))))
    put(path, keys, value)
    assert load_or_be_told(store, path).startswith(str(path))


TRAINING = Workload("resnet50", "tensorflow", 64, {"epochs": 2, "target": 1 / 3})
EPOCHS = (Epoch(2.0, 0.1, 0.5, 10.0, 1.0), Epoch(1.0, 1 / 3, 0.9, 10.0, 1.0))
CURVES = tuple(Curve(seed, EPOCHS, 1000, 300, 1.0, 1.0, 1.0) for seed in range(2))
TRAINED = AcceptedEntry("2025-01-01T12:00:00+00:00", {}, {"best_top1": 1 / 3}, CURVES)


@pytest.fixture
def trained(store):
    """The file of NODEID, with curves in it."""
    store.accept(BENCHMARK, TRAINING, TRAINED)
    return store.path(NODEID, "tensorflow")


def test_a_target_that_was_just_reached_is_reached_when_read_again(store, trained):
    baseline = store.load(BENCHMARK, "tensorflow")
    assert baseline.current.runs[0].epochs[1].top1 == 1 / 3


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        ((*RUN, "epochs", 1, "top1"), 0.2, "accepted[0].runs[0].epochs: top1 is at most 0.2, below the targ"),
        ((*RUN, "epochs", 1, "top5"), 0.2, "accepted[0].runs[0].epochs[1].top5: 0.2 is below top1"),
        ((*RUN, "epochs", 0, "top1"), 1.5, "accepted[0].runs[0].epochs[0].top1: 1.5 is above 1"),
        (
            (*RUN, "epochs", 0, "training_time_s"),
            1e308,
            "accepted[0].runs[0].epochs[0].training_time_s: 1e+308",
        ),
        ((*RUN, "epochs"), [], "accepted[0].runs[0].epochs: 0 epochs, and workload.parameters.epochs is 2"),
        ((*RUN, "frozen_variables"), ["x"], "accepted[0].runs[0].frozen_variables: a baseline has none"),
        ((*RUN, "seed"), -1, "accepted[0].runs[0].seed: -1 is below 0"),
        ((*RUN, "seed"), 1, "accepted[0].runs[1].seed: 1 stands there twice"),
        ((*RUN, "conditions"), {"load_average": -1}, "accepted[0].runs[0].conditions.load_average: -1.0 is"),
        ((*RUN, "evaluation_examples"), 0, "accepted[0].runs[0].evaluation_examples: 0 is not above 0"),
        (("workload", "parameters", "target"), "x", "workload.parameters: no numbers of epochs and target"),
        (("workload", "parameters"), {}, "accepted[0].runs[0]: step times belong here"),
    ],
)
def test_a_curve_that_the_rule_could_not_use_is_named(store, trained, keys, value, named):
    put(trained, keys, value)
    with pytest.raises(BrokenBaseline, match=re.escape(f"{trained}: {named}")) as caught:
        store.load(BENCHMARK, "tensorflow")
    assert WAY_OUT in str(caught.value)


def test_curves_whose_last_top1_is_0_are_named(store, trained):
    put(trained, (*RUN, "epochs"), json.loads(trained.read_text())["accepted"][0]["runs"][0]["epochs"][::-1])
    put(trained, (*RUN, "epochs", 1, "top1"), 0)
    with pytest.raises(BrokenBaseline, match=re.escape("runs[0].epochs[1].top1: 0 after the last epoch")):
        store.load(BENCHMARK, "tensorflow")


def test_step_times_where_curves_belong_are_named(store, trained):
    put(trained, RUN, encode(STEPS))
    with pytest.raises(BrokenBaseline, match=re.escape("accepted[0].runs[0]: epochs belong here")):
        store.load(BENCHMARK, "tensorflow")


def test_absurd_step_times_are_named(store, path):
    put(path, (*RUN, "step_times_s", 0), 1e300)
    with pytest.raises(BrokenBaseline, match=re.escape("step_times_s[0]: 1e+300 s is longer than any run")):
        store.load(BENCHMARK, "tensorflow")


@same_store
@given(data=st.data(), value=json_values)
def test_a_changed_field_of_a_curve_is_told_or_judged(store, trained, data, value):
    trained.unlink()
    store.accept(BENCHMARK, TRAINING, TRAINED)
    keys = data.draw(st.sampled_from(list(members(json.loads(trained.read_text())))))
    put(trained, keys, value)
    try:
        baseline = store.load(BENCHMARK, "tensorflow")
    except BrokenBaseline:
        return
    verdict = convergence.judge(
        CURVES[:1], baseline.current.runs, 1 / 3, convergence.TimeTolerance(0.1, 0.05)
    )
    assert verdict.reason


@pytest.mark.parametrize(
    ("name", "value"), [("step_time_s", 0.002), ("step_time_s", 0.2500005), ("throughput", 1000.0)]
)
def test_a_summary_that_the_runs_contradict_is_named(store, path, name, value):
    """People read the summary, and verdicts use the runs: a file whose halves differ says nothing."""
    put(path, ("accepted", 0, "summary", name), value)
    with pytest.raises(BrokenBaseline, match=rf"accepted\[0\].summary.{name}: .*, and the runs give"):
        store.load(BENCHMARK, "tensorflow")


def test_entries_out_of_order_are_named(store, path):
    later = dataclasses.replace(ENTRY, time="2025-02-01T12:00:00+00:00")
    store.accept(BENCHMARK, WORKLOAD, later)
    data = json.loads(path.read_text())
    data["accepted"].reverse()
    path.write_text(json.dumps(data))
    with pytest.raises(BrokenBaseline, match=r"accepted\[1\].time: 2025-01-01.* is before 2025-02-01"):
        store.load(BENCHMARK, "tensorflow")


def test_times_of_several_zones_are_compared_as_moments(store, path):
    """Noon in Tokyo is before noon in London; a time without a zone is UTC."""
    store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(ENTRY, time="2025-01-01T23:00:00+09:00"))
    store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(ENTRY, time="2025-01-01T15:00:00"))
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 3


def test_a_clock_that_is_a_little_behind_is_no_reason_to_lose_an_entry(store, path):
    """Another session had the lock first, or another machine's clock is a little ahead."""
    store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(ENTRY, time="2025-01-01T11:59:00+00:00"))
    assert [entry.time for entry in store.load(BENCHMARK, "tensorflow").accepted] == [ENTRY.time] * 2


def test_a_clock_that_is_wrong_is_named_and_nothing_is_written(store, path):
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"by this machine's clock it is 1970-01-01.*set the clock"):
        store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(ENTRY, time="1970-01-01T00:00:00+00:00"))
    assert path.read_bytes() == before
