"""Sessions that are to run one suite on several hosts, and wait for each other or must not begin."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = pytest.mark.hosts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--accel-update-baselines", "--accel-update-baselines differs: off on host 0, on on host 1"),
        ("--accel-budget=4", "--accel-budget differs: 60 on host 0, 4 on host 1"),
        ("--accel-tolerance=5%", "--accel-tolerance differs: unset on host 0, 0.05 on host 1"),
        ("--accel-strict", "--accel-strict differs: off on host 0, on on host 1"),
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
        assert re.search(r"test files differs: \w{12} on host 0, \w{12} on host 1 \(.*\); it must", host.text)


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
    assert (
        "host 1 of 2 (indices start at 0) did not connect within 2 s: start the same command on every host"
        in (first.text)
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
    assert "uses a host index that is taken or out of range" in codes[0].text


TOKEN = "0123456789abcdef"

SEEN = """
import os

def test_step(accel, step):
    assert not [name for name in os.environ if name.startswith("PYTEST_ACCEL_TOKEN")]
    accel.measure(step, examples_per_step=32)
"""


def test_hosts_that_share_a_token_reach_a_verdict_and_their_workers_do_not_have_it(
    project, hosts, monkeypatch
):
    monkeypatch.delenv("CI", raising=False)
    project.benchmark(SEEN)
    file = hosts.folder / "token"
    file.write_text(TOKEN)
    hosts.start(0, "--accel-json=out.json", variables={"STEP_TIMES_S": "0.25", "PYTEST_ACCEL_TOKEN": TOKEN})
    hosts.start(1, variables={"STEP_TIMES_S": "0.25", "PYTEST_ACCEL_TOKEN_FILE": str(file)})

    assert [hosts.ended(index).code for index in range(2)] == [0, 0], hosts.ended(0).text
    assert TOKEN not in (hosts.folder / "out.json").read_text()


def test_a_host_with_another_token_is_an_error_on_both(hosts):
    hosts.start(0, "--accel-timeout=3", variables={"PYTEST_ACCEL_TOKEN": TOKEN})
    hosts.start(1, "--accel-timeout=3", variables={"PYTEST_ACCEL_TOKEN": TOKEN[::-1]})

    first, second = hosts.ended(0), hosts.ended(1)
    assert (first.code, second.code) == (4, 4)
    assert "Callers with another token, or none: 127.0.0.1" in first.text
    assert "whether PYTEST_ACCEL_TOKEN is the same on every host" in second.text


def test_a_token_that_is_too_short_is_refused(hosts):
    hosts.start(0, variables={"PYTEST_ACCEL_TOKEN": "short"})

    first = hosts.ended(0)
    assert first.code == 4
    assert "PYTEST_ACCEL_TOKEN: the token has 5 characters; give 16 or more" in first.text
