"""Benchmarks that several hosts run together: one verdict, one baseline, and nobody who waits for ever."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest
from several_hosts import SeveralHosts

LOST_S = 30
"""Within so many seconds after one host is gone, all others have ended."""


@pytest.fixture
def hosts(project):
    """Two hosts in the project of :mod:`tests.conftest`, whose clock turns as it is told."""
    several = SeveralHosts(project.path)
    yield several
    several.close()


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
        assert (
            "host 1 of 2 is the slowest: 0.4 s for its share of a step, +60.0 % against host 0" in host.text
        )
    (benchmark,) = json.loads((hosts.folder / "report.json").read_text())["benchmarks"]
    assert benchmark["metrics"]["step_time_s"] == pytest.approx(0.40)
    assert benchmark["metrics"]["slowest_host_step_time_s"] == pytest.approx(0.40)
    assert benchmark["metrics"]["host_spread"] == pytest.approx(0.6)
    assert benchmark["metrics"]["throughput_per_device"] == pytest.approx(32 / 0.40 / 2)


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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--accel-update-baselines", "has --accel-update-baselines on, and the first host off"),
        ("--accel-budget=4", "has --accel-budget 4, and the first host 60"),
        ("--accel-tolerance=5%", "has --accel-tolerance 0.05, and the first host unset"),
        ("--accel-strict", "has --accel-strict on, and the first host off"),
    ],
)
def test_options_of_one_host_only_are_an_error_on_all(hosts, monkeypatch, option, said):
    monkeypatch.delenv("CI", raising=False)
    hosts.start(0)
    hosts.start(1, option)

    for index in range(2):
        host = hosts.ended(index)
        assert host.code == 4
        assert said in host.text


def started_and_waiting(hosts):
    """The first host, once its log says that it waits."""
    first = hosts.start(0, variables={"STEP_TIMES_S": "0.25"})
    log = hosts.folder / "host0.log"
    while "accel: host 0 of 2 waits for the others to call at 127.0.0.1:" not in log.read_text():
        assert first.poll() is None, log.read_text()
        time.sleep(0.05)


def test_a_session_that_waits_for_others_says_so(hosts, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    started_and_waiting(hosts)
    hosts.start(1, variables={"STEP_TIMES_S": "0.25"})

    assert "accel: host 1 of 2 waits for the first at 127.0.0.1:" in hosts.ended(1).text
    assert hosts.ended(0).code == 0


def test_a_test_file_that_differs_is_an_error_on_all(project, hosts):
    started_and_waiting(hosts)
    with (project.path / "test_it.py").open("a") as file:
        file.write("# edited")
    hosts.start(1)

    for index in range(2):
        host = hosts.ended(index)
        assert host.code == 4
        assert re.search(
            r"host 1 \(.*\) has test files \w{12}, and the first host \w{12}: let all", host.text
        )


def test_hosts_that_ask_for_other_work_are_told_in_what_it_differs(project, hosts):
    project.benchmark("""
import os

def test_step(accel, step):
    accel.measure(step, examples_per_step=32 + int(os.environ["JAX_PROCESS_ID"]))
""")

    for host in hosts.run(step_times_s=[0.25, 0.25]):
        assert host.code == 1
        assert "host 1 is to do other work than the first (examples_per_step 32 -> 33)" in host.text


def test_a_host_that_selected_other_tests_is_told_so_before_anything_runs(project, hosts):
    project.benchmark("""
def test_step(accel, step):
    accel.measure(step, examples_per_step=32)

def test_other(accel, step):
    accel.measure(step, examples_per_step=32)
""")
    hosts.start(0, variables={"STEP_TIMES_S": "0.25"})
    hosts.start(1, "-k", "other", variables={"STEP_TIMES_S": "0.25"})

    for index in (0, 1):
        host = hosts.ended(index)
        assert host.code == 4
        assert "selected other benchmarks than the first host" in host.text
        assert "only on the first: test_it.py::test_step" in host.text


def test_a_host_that_does_not_come_is_missed_by_its_number(hosts):
    hosts.start(0, "--accel-timeout=2")

    first = hosts.ended(0)

    assert first.code == 4
    assert "host 1 of 2 (counted from 0) did not come within 2 s: start the same command on every host" in (
        first.text
    )


def test_a_host_that_comes_too_late_is_told_that_nobody_answers(hosts):
    hosts.start(0, "--accel-timeout=1")
    hosts.ended(0)
    hosts.start(1, "--accel-timeout=2")

    late = hosts.ended(1)

    assert late.code == 4
    assert f"nobody answers at 127.0.0.1:{hosts.port - 1} within 2 s" in late.text


def test_two_hosts_with_one_number_are_refused(hosts):
    hosts.count = 3
    for number, index in enumerate((0, 1, 1)):
        hosts.start(number, variables=hosts.variables(index))

    codes = [hosts.ended(number, within_s=60) for number in range(3)]

    assert [host.code for host in codes] == [4, 4, 4]
    assert "came, and another has that number" in codes[0].text


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
            assert "ended its session or was lost" in host.text
    assert not survivors()
    assert file.read_bytes() == before


def wait_for(*files):
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline, files
        time.sleep(0.05)
