"""What ``--junitxml`` has of a benchmark."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest


def test_outcome_and_numbers_are_properties_of_the_test_case(project):
    project.record()
    project.run("--junitxml=junit.xml", "-o", "junit_family=xunit1", step_times_s=0.5)
    (case,) = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties["accel.outcome"] == "regressed"
    assert properties["accel.step_time_s"] == "0.5"
    assert properties["accel.throughput"] == "64.0"


def test_properties_of_the_test_itself_stay(project):
    project.benchmark("""
        def test_step(accel, step, record_property):
            record_property("mine", 7)
            accel.measure(step, examples_per_step=32)
        """)
    project.run("--junitxml=junit.xml", "-o", "junit_family=xunit1")
    (case,) = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    names = [one.get("name") for one in case.iter("property")]
    assert names.count("mine") == 1
    assert names.count("accel.outcome") == 1


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("accel.measure(step, examples_per_step=1); assert False", "invalid"),
        ("assert False", "invalid"),
        ("import os; os.abort()", "invalid"),
        ("import pytest; pytest.skip('not now')", "skipped"),
        ("pass", "unmeasured"),
    ],
)
def test_a_benchmark_that_came_to_no_verdict_has_an_outcome_as_well(project, body, outcome):
    project.benchmark(f"def test_step(accel, step):\n    {body}\n")
    project.run("--junitxml=junit.xml", "-o", "junit_family=xunit1")
    (case,) = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties["accel.outcome"] == outcome
