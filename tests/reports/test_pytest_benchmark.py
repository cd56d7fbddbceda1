"""pytest-benchmark reads the same numbers: its real sessions, with a conftest in the place of our plugin."""

from __future__ import annotations

import json
import sys

import pytest

pytest_plugins = ("pytester",)

CONFTEST = """
import pytest
from pytest_accel.analysis.metrics.steps import summary
from pytest_accel.records import Outcome, Result, Steps, Verdict, Workload
from pytest_accel.reports import pytest_benchmark

@pytest.fixture
def accel(request):
    def measured(*runs, outcome="passed", name="resnet50", **metrics):
        workload = Workload(name, "tensorflow", 64, {"precision": "float32"})
        steps = tuple(Steps(tuple(times), 5, 3.0, 1.0, 4.5, 2.0, 10) for times in runs)
        pytest_benchmark.export(request.node, Result(
            request.node.nodeid, Verdict(Outcome(outcome), "because"), workload, steps,
            summary(workload, steps) | metrics, {"tensorflow": "2.21.0"},
        ))
    return measured

@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    ours = [item for item in items if "accel" in item.fixturenames]
    with pytest_benchmark.counted_as_benchmarks(config, ours):
        return (yield)
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest over the given tests, with pytest-benchmark and without our plugin."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST)

    def run(tests: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_steps="import pytest\n" + tests)
        return pytester.runpytest("-p", "no:accel", *arguments)

    return run


def not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture
def exported(session, pytester: pytest.Pytester):
    """The benchmarks in the file that ``--benchmark-json`` writes."""

    def run(tests: str) -> list[dict]:
        assert session(tests, "--benchmark-json=out.json").ret == pytest.ExitCode.OK
        text = (pytester.path / "out.json").read_text()
        return json.loads(text, parse_constant=not_json)["benchmarks"]

    return run


ONE = "def test_step(accel): accel([0.4, 0.41, 0.45], [0.39, 0.42])\n"


def test_every_block_of_every_run_is_a_round(exported):
    (benchmark,) = exported(ONE)
    stats = benchmark["stats"]
    assert stats["data"] == [0.4, 0.41, 0.45, 0.39, 0.42]
    assert (stats["min"], stats["max"], stats["median"]) == (0.39, 0.45, 0.41)
    assert (stats["rounds"], stats["iterations"]) == (5, 5)


def test_all_else_is_extra_info(exported):
    (benchmark,) = exported(ONE)
    extra = benchmark["extra_info"]
    assert extra["throughput"] == pytest.approx(64 / (0.4 * 0.39) ** 0.5)
    assert extra["compile_time_s"] == 4.5
    assert (extra["outcome"], extra["runs"]) == ("passed", 2)
    assert extra["workload"]["precision"] == "float32"
    assert extra["provenance"] == {"tensorflow": "2.21.0"}
    assert benchmark["options"] == {"timer": "pytest-accel"}


def test_names_and_parameters_are_those_that_pytest_benchmark_writes(exported):
    ours, theirs = exported(
        "@pytest.mark.parametrize('batch', ['größe/128'])\n"
        "class TestSteps:\n"
        "    def test_a(self, accel, batch): accel([0.4])\n"
        "    def test_b(self, benchmark, batch): benchmark.pedantic(int)\n"
    )
    for field in ("name", "fullname"):
        assert ours[field] == theirs[field].replace("test_b", "test_a")
    for field in ("param", "params"):
        assert ours[field] == theirs[field]
    assert set(ours) == set(theirs)
    assert set(ours["stats"]) == set(theirs["stats"])


def test_benchmarks_are_grouped_by_workload_unless_the_marker_says_otherwise(session):
    run = session(
        "def test_1(accel): accel([0.4])\n"
        "def test_2(accel): accel([0.2], name='mine')\n"
        "@pytest.mark.benchmark(group='special')\n"
        "def test_3(accel): accel([0.3])\n"
        "def test_4(benchmark): benchmark.pedantic(int)\n"
    )
    run.stdout.fnmatch_lines(
        ["*- benchmark: 1 tests -*", "*'mine': 1 tests*", "*'resnet50': 1 tests*", "*'special': 1 tests*"]
    )


def test_a_second_measurement_of_a_test_replaces_the_first(exported):
    benchmarks = exported("def test_step(accel):\n    accel([0.4])\n    accel([0.3])\n")
    assert [benchmark["stats"]["data"] for benchmark in benchmarks] == [[0.3]]


def test_regressed_steps_are_exported_and_invalid_or_missing_ones_are_not(exported):
    benchmarks = exported(
        "def test_1(accel): accel([0.4], outcome='regressed')\n"
        "def test_2(accel): accel([float('nan')], outcome='invalid')\n"
        "def test_3(accel): accel(outcome='unmeasured')\n"
    )
    assert [benchmark["name"] for benchmark in benchmarks] == ["test_1"]


def test_a_metric_that_is_not_finite_keeps_the_file_strict(exported):
    (benchmark,) = exported("def test_step(accel): accel([0.4], usd_per_epoch=float('inf'))\n")
    assert benchmark["extra_info"]["usd_per_epoch"] is None


def test_the_compare_command_shows_both_files(session, pytester):
    session(ONE, "--benchmark-json=old.json")
    session("def test_step(accel): accel([0.5, 0.51])\n", "--benchmark-json=new.json")
    compare = (sys.executable, "-m", "pytest_benchmark", "compare", "--columns=min,rounds")
    run = pytester.run(*compare, "old.json", "new.json")
    assert run.ret == 0
    run.stdout.fnmatch_lines(
        ["*'resnet50': 2 tests*", "test_step (*old*) * 390.0000 * 5", "test_step (*new*) * 500.0000 * 2"]
    )


def test_saved_sessions_are_compared_and_a_slower_one_fails(session):
    session(ONE, "--benchmark-autosave")
    run = session(
        "def test_step(accel): accel([0.5])\n", "--benchmark-compare", "--benchmark-compare-fail=min:5%"
    )
    run.stdout.fnmatch_lines(["*test_step (0001_*"])
    assert run.ret != pytest.ExitCode.OK
    assert "Performance has regressed" in run.stderr.str() + run.stdout.str()
    assert session(ONE, "--benchmark-compare", "--benchmark-compare-fail=min:5%").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("off", ["-pno:benchmark", "--benchmark-disable"])
def test_without_pytest_benchmark_tests_run_and_nothing_is_shown(session, off):
    run = session(ONE, off)
    run.assert_outcomes(passed=1)
    run.stdout.no_fnmatch_line("*Rounds*")


MIXED = ONE + "def test_theirs(benchmark): benchmark.pedantic(int)\ndef test_other(): pass\n"


def test_benchmark_only_runs_our_benchmarks_too(session):
    run = session(MIXED, "--benchmark-only", "-v")
    run.stdout.fnmatch_lines(["*::test_step PASSED*", "*::test_theirs PASSED*", "*::test_other SKIPPED*"])
    assert "not used at all" not in run.stdout.str() + run.stderr.str()


def test_benchmark_skip_skips_our_benchmarks_too(session):
    run = session(MIXED, "--benchmark-skip", "-v")
    run.stdout.fnmatch_lines(["*::test_step SKIPPED*", "*::test_theirs SKIPPED*", "*::test_other PASSED*"])


def test_a_test_that_uses_both_fixtures_keeps_its_own(session):
    both = "def test_both(accel, benchmark):\n    accel([0.4])\n    benchmark.pedantic(int)\n"
    run = session(both, "--benchmark-only")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["*- benchmark: 1 tests -*", "*'resnet50': 1 tests*"])


def test_collected_items_list_only_the_fixtures_they_use(session, pytester):
    run = session(ONE, "--setup-plan", "--benchmark-only")
    run.stdout.fnmatch_lines(["*test_steps.py::test_step (fixtures used: accel, request)"])
