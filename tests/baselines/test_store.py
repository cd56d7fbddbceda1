import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.baselines import BaselineStore
from pytest_accel.baselines.file_format import dumps, loads
from pytest_accel.records import AcceptedEntry, Benchmark, Steps, Workload
from pytest_accel.records.json_codec import encode

DOCS = Path(__file__).parents[2] / "docs" / "baselines.md"

NODEID = "benchmarks/test_resnet50.py::TestSteps::test_throughput[64-bf16]"
BENCHMARK = Benchmark(NODEID)
WORKLOAD = Workload("resnet50", "tensorflow", 64, {"precision": "mixed_bfloat16", "image_size": 32})
STEPS = Steps((0.25, 0.26), 2, 1.0, 2.0, 3.0, 4.0, 5, 900_000_000, (6.9, 6.5))


def entry(time="2025-01-01T12:00:00+00:00", *runs, **summary):
    """By default of one run whose step time is that of the summary, or 0.25 s."""
    step_time_s = summary.setdefault("step_time_s", 0.25)
    run = dataclasses.replace(STEPS, step_times_s=(step_time_s, 1.04 * step_time_s))
    return AcceptedEntry(time, {"tensorflow": "2.20.0"}, summary, runs or (run,))


@pytest.fixture
def store(tmp_path):
    return BaselineStore(tmp_path / "baselines", "cpu-2")


@pytest.fixture
def path(store):
    """The file of NODEID, with one accepted entry in it."""
    store.accept(BENCHMARK, WORKLOAD, entry())
    return store.path(NODEID, "tensorflow")


def test_nothing_stored_is_none(store):
    assert store.load(BENCHMARK, "tensorflow") is None
    assert store.sample() == ()


def test_what_was_accepted_is_loaded(store):
    accepted = store.accept(BENCHMARK, WORKLOAD, entry())
    assert accepted == store.load(BENCHMARK, "tensorflow")
    assert accepted.benchmark == NODEID
    assert accepted.workload == WORKLOAD
    assert accepted.accepted == (entry(),)


def test_the_file_lies_where_the_docs_say_and_reads_well(store, path, tmp_path):
    home = tmp_path / "baselines" / "cpu-2" / "tensorflow"
    assert path == home / "benchmarks" / "test_resnet50.py" / "TestSteps.test_throughput[64-bf16].json"
    text = path.read_text()
    assert json.loads(text)["workload"]["hash"] == WORKLOAD.hash
    assert '"step_times_s": [0.25, 0.26],' in text
    assert text.endswith("}\n")


def test_the_example_in_the_docs_is_a_baseline():
    example = re.search(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    baseline = loads(example[1].encode())
    assert baseline.benchmark == "benchmarks/test_resnet50.py::test_throughput[8]"
    assert dumps(baseline).decode() == example[1]


def test_fractions_keep_nine_digits_and_nothing_changes_at_the_next_update(store):
    run = Steps((1 / 3,), 1, 0, 0, 0, 0, 0)
    store.accept(
        BENCHMARK, WORKLOAD, entry("2025-01-01", run, step_time_s=1 / 3, peak_memory_bytes=81234567890)
    )
    path = store.path(NODEID, "tensorflow")
    lines = path.read_text().splitlines()
    assert '     "step_times_s": [0.333333333],' in lines
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert set(lines) <= set(path.read_text().splitlines())


def test_raw_runs_are_kept_for_the_first_and_the_last_entry(store):
    for day in range(1, 5):
        baseline = store.accept(BENCHMARK, WORKLOAD, entry(f"2025-01-0{day}", step_time_s=day))
    assert [len(accepted.runs) for accepted in baseline.accepted] == [1, 0, 0, 1]
    assert [accepted.summary["step_time_s"] for accepted in baseline.accepted] == [1, 2, 3, 4]
    assert baseline.anchor.time == "2025-01-01"
    assert baseline.current.time == "2025-01-04"


def test_other_work_starts_a_new_history(store, path):
    other = Workload("resnet50", "tensorflow", 128, WORKLOAD.parameters)
    baseline = store.accept(BENCHMARK, other, entry("2025-02-02"))
    assert [accepted.time for accepted in baseline.accepted] == ["2025-02-02"]
    assert store.load(BENCHMARK, "tensorflow").workload == other


def test_other_parameters_start_a_new_history(store):
    small, large = (Benchmark(NODEID, {"batch": size}) for size in ("8", "16"))
    store.accept(small, WORKLOAD, entry("2025-01-01"))
    assert len(store.accept(small, WORKLOAD, entry("2025-02-02")).accepted) == 2
    baseline = store.accept(large, WORKLOAD, entry("2025-03-03"))
    assert [accepted.time for accepted in baseline.accepted] == ["2025-03-03"]
    assert store.load(small, "tensorflow").parameters == {"batch": "16"}


def test_a_file_without_parameters_goes_on_and_learns_them(store, path):
    assert "parameters" not in json.loads(path.read_text())
    baseline = store.accept(Benchmark(NODEID, {"batch": "8"}), WORKLOAD, entry("2025-02-02"))
    assert len(baseline.accepted) == 2
    assert baseline.parameters == {"batch": "8"}


def test_the_file_of_a_former_name_is_read_and_updated_and_a_new_one_goes_first(store, path):
    new = Benchmark(f"pkg/{NODEID}", former_name=NODEID)
    assert store.load(new, "tensorflow").benchmark == NODEID
    assert store.accept(new, WORKLOAD, entry("2025-02-02")).benchmark == NODEID
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 2
    assert store.load(Benchmark(new.name), "tensorflow") is None

    store.accept(Benchmark(new.name), WORKLOAD, entry("2025-03-03"))
    assert store.load(new, "tensorflow").current.time == "2025-03-03"
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 2


def test_each_identity_framework_and_class_has_its_own_file(store, path, tmp_path):
    other_class = Benchmark(NODEID.replace("TestSteps", "TestOther"))
    store.accept(other_class, WORKLOAD, entry("2025-02-02"))
    store.accept(BENCHMARK, Workload("resnet50", "jax", 64), entry("2025-03-03"))
    assert store.load(BENCHMARK, "tensorflow").current == entry()
    assert store.load(other_class, "tensorflow").current.time == "2025-02-02"
    assert store.load(BENCHMARK, "jax").current.time == "2025-03-03"
    assert len(store.sample()) == 3
    assert BaselineStore(tmp_path / "baselines", "gpu").sample() == ()


positive = st.floats(1e-9, 1e9)
not_negative = st.just(0.0) | positive
finite = st.floats(allow_nan=False, allow_infinity=False)
runs = st.builds(
    Steps,
    st.lists(positive, min_size=1, max_size=4).map(tuple),
    st.integers(1, 9),
    *[not_negative] * 4,
    st.integers(0, 9),
    st.none() | st.integers(1, 2**50),
    st.lists(finite, max_size=3).map(tuple),
)
entries = st.builds(
    AcceptedEntry,
    st.datetimes().map(lambda time: time.isoformat()),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
    st.dictionaries(st.sampled_from(["warmup_time_s", "compile_time_s"]), positive, min_size=1),
    st.lists(runs, min_size=1, max_size=2).map(tuple),
)
words = st.text(max_size=9)
names = words.filter(lambda word: word not in ("name", "framework", "examples_per_step"))
parameters = st.dictionaries(
    names, st.none() | st.booleans() | st.integers(-9, 9) | finite | words, max_size=2
)
workloads = st.builds(Workload, words, words, st.integers(1, 10**6), parameters)


def to_nine_digits(record):
    def rounded(number):
        return float(number) if float(number).is_integer() else float(f"{float(number):.9g}")

    return json.loads(json.dumps(encode(record)), parse_float=rounded)


@settings(max_examples=60, deadline=None)
@given(
    nodeid=st.text(),
    parameters=st.dictionaries(words, st.text(), max_size=2),
    workload=workloads,
    accepted=st.lists(entries, min_size=1, max_size=2).map(
        lambda some: sorted(some, key=lambda one: one.time)
    ),
)
def test_any_entry_comes_back(tmp_path_factory, nodeid, parameters, workload, accepted):
    store = BaselineStore(tmp_path_factory.mktemp("any"), "cpu-2")
    benchmark = Benchmark(nodeid, parameters)
    for one in accepted:
        returned = store.accept(benchmark, workload, one)
    loaded = store.load(benchmark, workload.framework)
    assert loaded.parameters == parameters
    assert loaded == returned
    assert (loaded.benchmark, loaded.workload.hash) == (nodeid, workload.hash)
    assert encode(loaded.accepted) == to_nine_digits(tuple(accepted))
    assert store.sample() == (loaded,)
