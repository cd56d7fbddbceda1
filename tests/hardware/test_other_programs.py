"""What other programs do on the CPU: on a made-up /proc, and beside a program that is really busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pytest_accel.hardware import other_programs
from pytest_accel.hardware.other_programs import OtherPrograms

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Machine:
    """A /proc of two cores whose counters are set in seconds, and a clock."""

    def __init__(self, folder, monkeypatch):
        self._folder = folder
        self.now_s = 0.0
        self.busy_s = self.stolen_s = 0.0
        monkeypatch.setattr(other_programs, "PROC", folder)
        monkeypatch.setattr(other_programs.time, "monotonic", lambda: self.now_s)
        self.affinity = {}
        monkeypatch.setattr(
            other_programs.os, "sched_getaffinity", lambda pid: self.affinity.get(pid, {0, 1})
        )
        self.write()

    def write(self):
        ticks = [int(each * TICKS_PER_S) for each in (self.busy_s, self.stolen_s)]
        idle_core = "cpu1 0 0 0 9 9 0 0 0 0 0\ncpu2 99999 0 0 0 0 0 0 0 0 0"
        (self._folder / "stat").write_text(
            f"cpu 1 2 3 4\ncpu0 {ticks[0]} 0 0 7 7 0 0 {ticks[1]} 0 0\n{idle_core}\nintr 1\n"
        )

    def process(self, pid, parent, used_s, *, name="python3", ended_s=0.0):
        (self._folder / str(pid)).mkdir(exist_ok=True)
        counters = [int(each * TICKS_PER_S) for each in (used_s, 0, ended_s, 0)]
        text = f"{pid} ({name}) R {parent} 1 1 0 -1 0 0 0 0 0 {' '.join(map(str, counters))} 20 0 1"
        (self._folder / str(pid) / "stat").write_text(text)

    def end(self, pid):
        (self._folder / str(pid) / "stat").unlink()

    def pass_time(self, seconds, *, busy_s=0.0, stolen_s=0.0):
        self.now_s += seconds
        self.busy_s += busy_s
        self.stolen_s += stolen_s
        self.write()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path, monkeypatch)
    made.process(10, 1, 0.0, name="pytest")
    made.process(11, 10, 0.0, name="worker")
    made.process(20, 1, 0.0, name="a (odd) name")
    return made


def test_our_own_processes_are_nobody_else(machine):
    watch = OtherPrograms(root=10)
    machine.process(10, 1, 0.2, name="pytest")
    machine.process(11, 10, 0.7, name="worker")
    machine.pass_time(1.0, busy_s=0.9)
    assert watch.usage().cores == 0.0


def test_the_largest_other_one_is_named(machine):
    watch = OtherPrograms(root=10)
    machine.process(20, 1, 1.5, name="a (odd) name")
    machine.process(21, 1, 0.1, name="new")
    machine.pass_time(2.0, busy_s=1.6)
    usage = watch.usage()
    assert usage.cores == pytest.approx(0.8)
    assert usage.share == pytest.approx(0.4)
    assert str(usage) == "a (odd) name (pid 20) has 75% of a core"


def test_a_child_of_ours_that_ended_is_still_ours(machine):
    watch = OtherPrograms(root=10)
    machine.end(11)
    machine.process(10, 1, 0.0, ended_s=1.0, name="pytest")
    machine.pass_time(1.0, busy_s=1.0)
    assert watch.usage().cores == 0.0


def test_a_program_on_cores_that_we_may_not_use_is_nobody(machine):
    """As in a job that has two of the three cores, beside a build on the third."""
    watch = OtherPrograms(root=10)
    machine.affinity[20] = {2}
    machine.process(11, 10, 2.0, name="worker")
    machine.process(20, 1, 1.0)
    machine.pass_time(1.0, busy_s=2.0)
    assert watch.usage().cores == 0.0


def test_a_program_on_any_core_counts_by_what_it_may_have_taken_from_ours(machine):
    watch = OtherPrograms(root=10)
    machine.affinity[20] = {0, 1, 2}
    machine.process(11, 10, 1.0, name="worker")
    machine.process(20, 1, 1.0)
    machine.pass_time(1.0, busy_s=1.3)
    usage = watch.usage()
    assert usage.cores == pytest.approx(0.3)
    assert str(usage) == "python3 (pid 20) has 30% of a core"


def test_cores_under_other_numbers_are_ours(machine):
    """As in a container that counts its cores from 0, where the scheduler says 4 and 5."""
    machine.affinity = {pid: {4, 5} for pid in (10, 11, 20)}
    watch = OtherPrograms(root=10)
    machine.process(20, 1, 0.8)
    machine.pass_time(1.0, busy_s=0.8)
    assert watch.usage().cores == pytest.approx(0.8)


@pytest.mark.parametrize(("busy_s", "stolen_s"), [(0.9, 0.0), (0.0, 0.9)])
def test_what_cannot_be_seen_counts(machine, busy_s, stolen_s):
    """Programs of another container, and other guests of the host."""
    watch = OtherPrograms(root=10)
    machine.pass_time(1.0, busy_s=busy_s, stolen_s=stolen_s)
    usage = watch.usage()
    assert usage.cores == pytest.approx(0.9)
    assert str(usage) == "programs that cannot be seen from here have 90% of a core"


def test_a_few_ticks_are_no_program(machine):
    watch = OtherPrograms(root=10)
    machine.pass_time(1.0, busy_s=0.05)
    assert watch.usage().cores == 0.0


def test_a_window_is_long_enough_and_begins_where_the_last_one_ended(machine):
    watch = OtherPrograms(root=10)
    machine.pass_time(0.3)
    assert watch.usage() is None
    machine.process(20, 1, 0.6)
    machine.pass_time(0.3, busy_s=0.6)
    assert watch.usage().cores == pytest.approx(1.0)
    machine.pass_time(0.6)
    assert watch.usage().cores == 0.0


@pytest.mark.parametrize("text", [None, "", "cpu0 1 2", "cpu0 a b c d e f g h"])
def test_without_proc_nothing_is_known(machine, tmp_path, text):
    if text is None:
        (tmp_path / "stat").unlink()
    else:
        (tmp_path / "stat").write_text(text)
    watch = OtherPrograms(root=10)
    machine.now_s += 1.0
    usage = watch.usage()
    assert usage is None or usage.cores == 0.0


def test_a_busy_program_is_found_on_this_machine():
    with subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=-1) as busy:
        try:
            busy.stdout.readline()
            with subprocess.Popen(["sleep", "60"]) as idle:
                watch = OtherPrograms(root=idle.pid)
                time.sleep(1.0)
                usage = watch.usage()
                idle.kill()
            assert usage.cores > 0.3  # of one, beside whatever else runs here
        finally:
            busy.kill()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="takes two cores")
def test_a_busy_program_on_another_core_is_not_named_on_this_machine():
    here, elsewhere = sorted(os.sched_getaffinity(0))[:2]
    pinned = (
        "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(flush=True)\nwhile True: pass"
    )
    with subprocess.Popen([sys.executable, "-c", pinned, str(elsewhere)], stdout=-1) as busy:
        try:
            busy.stdout.readline()
            with subprocess.Popen(["sleep", "60"]) as idle:
                os.sched_setaffinity(idle.pid, {here})
                watch = OtherPrograms(root=idle.pid)
                time.sleep(1.0)
                usage = watch.usage()
                idle.kill()
            assert f"pid {busy.pid})" not in str(usage)
            assert usage.of_cores == 1
        finally:
            busy.kill()
