"""pytest-benchmark's own table: there where somebody asks that plugin for something, else not."""

from __future__ import annotations

import json

import pytest

ITS_TABLE = "Name (time in *)*Min*"

OWN_FIXTURE = """
def test_step(accel, step):
    accel.measure(step, examples_per_step=32)

def test_small(benchmark):
    benchmark(sum, [1, 2])
"""


@pytest.mark.parametrize("arguments", [(), ("--benchmark-only",), ("--benchmark-disable-gc",)])
def test_by_itself_a_session_shows_one_table(project, arguments):
    result = project.run(*arguments)
    result.stdout.no_fnmatch_line(ITS_TABLE)
    result.stdout.fnmatch_lines(["*= accel =*"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--benchmark-columns=min,max",),
        ("--benchmark-autosave",),
        ("--benchmark-json=out.json",),
        ("-o", "addopts=--benchmark-sort=name"),
    ],
)
def test_whoever_asks_pytest_benchmark_for_something_gets_its_table(project, arguments):
    project.run(*arguments).stdout.fnmatch_lines([ITS_TABLE])


def test_benchmarks_of_its_own_fixture_are_shown_with_ours(project):
    project.benchmark(OWN_FIXTURE)
    project.run("--benchmark-max-time=0.01").stdout.fnmatch_lines([ITS_TABLE])


def test_its_json_has_what_was_measured(project):
    project.run("--benchmark-json=out.json")
    (benchmark,) = json.loads((project.path / "out.json").read_text())["benchmarks"]
    assert benchmark["extra_info"]["step_time_s"] == pytest.approx(0.25)
