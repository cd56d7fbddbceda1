"""Benchmarks that several hosts run together: one verdict, one baseline, and nobody who waits for ever."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

pytestmark = pytest.mark.hosts

LOST_S = 30
"""Within so many seconds after one host is gone, all others have ended."""


def stored(hosts):
    return sorted((hosts.folder / "baselines").rglob("*.json"))


def test_the_first_host_records_for_all_and_every_host_says_so(hosts):
    first, second = hosts.run("--accel-update-baselines", step_times_s=[0.25, 0.25])

    assert (first.code, second.code) == (0, 0), first.text + second.text
    for host in (first, second):
        assert "recorded  test_it.py::test_step: baseline recorded from 1 run" in host.text
    (file,) = stored(hosts)
    assert file.parent.parent.parent.name.endswith("-2-hosts")
    baseline = json.loads(file.read_text())
    assert len(baseline["accepted"]) == 1


def test_a_step_is_as_slow_as_the_slowest_host_and_the_report_says_which_that_is(hosts):
    first, second = hosts.run("--accel-json=report.json", "--no-accel-strict", step_times_s=[0.25, 0.40])

    for host in (first, second):
        assert "host 1 of 2 is the slowest: 0.4 s for its share of a step, +60.0% against host 0" in host.text
    (benchmark,) = json.loads((hosts.folder / "report.json").read_text())["benchmarks"]
    assert benchmark["metrics"]["step_time_s"] == pytest.approx(0.40)
    assert benchmark["metrics"]["slowest_host_step_time_s"] == pytest.approx(0.40)
    assert benchmark["metrics"]["host_step_time_spread"] == pytest.approx(0.6)
    assert benchmark["metrics"]["throughput_per_device"] == pytest.approx(32 / 0.40 / 2)


@pytest.mark.slow
@pytest.mark.parametrize(("now", "outcome", "code"), [(0.25, "passed", 0), (0.50, "regressed", 1)])
def test_the_verdict_is_the_same_on_every_host(hosts, now, outcome, code):
    recording = hosts.run("--accel-update-baselines", "--accel-runs=3", step_times_s=[0.25, 0.25])
    assert [host.code for host in recording] == [0, 0], recording

    for host in hosts.run("--accel-runs=3", step_times_s=[0.25, now]):
        assert host.code == code, host.text
        assert f"\n{outcome} " in host.text


FAILS_ON_ONE = """
import os

def test_step(accel, step):
    if os.environ["JAX_PROCESS_ID"] == "1":
        raise RuntimeError("no disk left")
    accel.measure(step, examples_per_step=32)
"""

FAILS_AT_THE_END_ON_ONE = """
import os

def test_step(accel, step):
    accel.measure(step, examples_per_step=32)
    assert os.environ["JAX_PROCESS_ID"] == "0", "not the first"
"""

CRASHES_ON_ONE = """
import os

def test_step(accel, step):
    def sometimes():
        step()
        if os.environ["JAX_PROCESS_ID"] == "1":
            os._exit(3)

    accel.measure(sometimes, examples_per_step=32)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (FAILS_ON_ONE, "RuntimeError: no disk left"),
        (FAILS_AT_THE_END_ON_ONE, "AssertionError: not the first"),
        (CRASHES_ON_ONE, "the process ended with exit status 3"),
    ],
)
def test_what_fails_on_one_host_fails_on_all_with_its_name(project, hosts, source, said):
    project.benchmark(source)

    first, second = hosts.run("--accel-update-baselines", step_times_s=[0.25, 0.25])

    assert (first.code, second.code) == (1, 1), first.text + second.text
    assert "on host 1 (" in first.text
    assert said in first.text
    assert said in second.text
    assert not stored(hosts)


def test_every_host_shows_where_the_test_failed_on_one(project, hosts):
    hosts.count = 3
    project.benchmark(FAILS_ON_ONE)

    for host in hosts.run(step_times_s=[0.25, 0.25, 0.25]):
        assert host.code == 1
        assert 'raise RuntimeError("no disk left")' in host.text
        assert host.text.count("1 failed") >= 1


def test_a_test_that_skips_itself_on_all_hosts_is_skipped(project, hosts):
    project.benchmark("""
import pytest

def test_step(accel, step):
    pytest.skip("not today")
""")

    for host in hosts.run("-rs", "--no-accel-strict", step_times_s=[0.25, 0.25]):
        assert host.code == 0, host.text
        assert "not today" in host.text


@pytest.mark.parametrize("number", [0, 1])
def test_a_test_that_skips_itself_on_one_host_fails_on_all(project, hosts, number):
    project.benchmark(f"""
import os
import pytest

def test_step(accel, step):
    if os.environ["JAX_PROCESS_ID"] == "{number}":
        pytest.skip("not here")
    accel.measure(step, examples_per_step=32)
""")

    for host in hosts.run("--accel-update-baselines", step_times_s=[0.25, 0.25]):
        assert host.code == 1, host.text
        assert "1 failed" in host.text
        assert re.search(
            r"invalid  .*on (the first host|host 1 \(.*\):) the test skipped in call: not here", host.text
        )
    assert not stored(hosts)


def test_hosts_that_ask_for_other_work_are_told_in_what_it_differs(project, hosts):
    project.benchmark("""
import os

def test_step(accel, step):
    accel.measure(step, examples_per_step=32 + int(os.environ["JAX_PROCESS_ID"]))
""")

    for host in hosts.run(step_times_s=[0.25, 0.25]):
        assert host.code == 1
        assert "host 1 is to do other work than the first (examples_per_step 32 -> 33)" in host.text


WAITS = """
import os
import pathlib
import time

def test_step(accel, clock):
    pathlib.Path(f"at{os.environ['JAX_PROCESS_ID']}").write_text(str(os.getpid()))
    steps = iter(range(10**9))

    def step():
        '''Block number AT is one in which the other host is waited for.'''
        clock.now_s += 0.25
        if next(steps) >= int(os.environ["AT"]):
            pathlib.Path(f"waiting{os.environ['JAX_PROCESS_ID']}").touch()
            while True:
                time.sleep(0.01)

    accel.measure(step, examples_per_step=32)
"""


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the first host", "another host", "the process of another host"])
@pytest.mark.parametrize("at", [0, 2, 10], ids=["compiling", "warm-up", "measuring"])
def test_when_one_is_killed_the_others_end_and_say_so(project, hosts, survivors, whom, at):
    hosts.run("--accel-update-baselines", step_times_s=[0.25, 0.25])
    (file,) = stored(hosts)
    before = file.read_bytes()
    project.benchmark(WAITS)
    hosts.sessions.clear()
    for index in (0, 1):
        hosts.start(index, "--accel-update-baselines", variables={"AT": str(at)})
    wait_for(hosts.folder / "waiting0", hosts.folder / "waiting1")

    killed = 0 if whom == "the first host" else 1
    if whom == "the process of another host":
        os.kill(int((hosts.folder / "at1").read_text()), signal.SIGKILL)
    else:
        hosts.sessions[killed].kill()

    for index in (0, 1):
        host = hosts.ended(index, within_s=LOST_S)
        if whom == "the process of another host":
            assert host.code == 1
            assert "was ended by SIGKILL" in host.text
        elif index != killed:
            assert host.code == 1
            assert "ended its session or lost the connection" in host.text
    assert not survivors()
    assert file.read_bytes() == before


def wait_for(*files):
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline, files
        time.sleep(0.05)
