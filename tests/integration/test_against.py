"""--accel-against: the same test here and in another environment, block by block."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest

HERE_AND_THERE = """
import os

def test_step(accel, clock):
    def step():
        clock.now_s += float(os.environ["STEP_TIME_S"])

    accel.measure(step, examples_per_step=32)
"""
"""Takes the time that its environment says."""


@pytest.fixture
def both(project, only_pytest, monkeypatch):
    """A project with a step of 0.25 s in the other environment, and a way to set that of this one."""

    def run(*arguments, here=0.25, there=0.25, **settings):
        monkeypatch.setenv("STEP_TIME_S", str(here))
        python = shlex.quote(str(only_pytest / "bin/python"))
        return project.run(f"--accel-against=env STEP_TIME_S={there} {python}", *arguments, **settings)

    project.benchmark(HERE_AND_THERE)
    return run


def test_the_same_step_passes_and_nothing_is_stored(project, both):
    result = both("-v")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines([
        "accel: cpu, * [[]against: env STEP_TIME_S=0.25 *only pytest/bin/python'[]]",
        "passed * step time * 250 ms * 250 ms * +0.0% [[]-1.8, +1.9[]]",
    ])  # fmt: skip
    assert not (project.path / "baselines").exists()


def test_a_slower_step_fails_its_test(both):
    result = both(here=0.3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        "regressed: 20.0% more time per step than in the other environment (98.65% interval *), "
        "above the tolerance of 2.5%*",
    ])  # fmt: skip


@pytest.mark.slow
def test_a_faster_step_is_improved(both):
    result = both(here=0.2)
    assert result.parseoutcomes() == {"improved": 1}
    result.stdout.fnmatch_lines(["improved  *20.0% less time per step than in the other environment*"])


@pytest.mark.slow
def test_what_lies_on_the_border_takes_the_budget_of_both_sides_and_is_inconclusive(project, both):
    """Five rounds of 0.505 s are a pair, so the fifth pair ends 12 s."""
    file = project.path / "report.json"
    result = both(f"--accel-json={file}", "--accel-budget=6", here=0.25 * 1.02)
    assert result.parseoutcomes() == {"inconclusive": 1}
    (benchmark,) = json.loads(file.read_text())["benchmarks"]
    assert len(benchmark["runs"]) == len(benchmark["reference_runs"]) == 5
    assert "5 pairs of runs can neither show nor rule out a slowdown above 2.5%" in benchmark["reason"]


def test_the_tolerance_may_be_given(both):
    assert both("--accel-tolerance=30%", here=0.3).parseoutcomes() == {"passed": 1}


@pytest.mark.slow
def test_at_least_four_pairs_and_more_if_asked_for(project, both):
    file = project.path / "report.json"
    for arguments, pairs in (([], 4), (["--accel-runs=6"], 6)):
        both(f"--accel-json={file}", *arguments)
        (benchmark,) = json.loads(file.read_text())["benchmarks"]
        assert len(benchmark["runs"]) == len(benchmark["reference_runs"]) == pairs


@pytest.mark.slow
def test_whatever_package_differs_is_told(both, only_pytest):
    (packages,) = only_pytest.glob("lib/python*/site-packages")
    for name, version in (("filelock", "1.0"), ("some_tool", "2.0")):
        information = packages / f"{name}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    output = both().stdout
    output.fnmatch_lines([
        "changed  *filelock 1.0 -> *",
        "note  *installed here only: *scipy*",
        "note  *installed in the other environment only: some-tool",
    ])  # fmt: skip
    output.no_fnmatch_line("*pytest-accel*absent*")


@pytest.mark.slow
def test_baselines_are_not_looked_at(project, both):
    broken = project.path / "baselines"
    broken.write_text("not a folder")
    assert both().parseoutcomes() == {"passed": 1}
    assert broken.read_text() == "not a folder"


@pytest.mark.slow
def test_the_other_environment_may_be_a_folder_or_an_interpreter(project, only_pytest, monkeypatch):
    monkeypatch.setenv("STEP_TIME_S", "0.25")
    monkeypatch.setenv("HOME", str(only_pytest.parent))
    project.benchmark(HERE_AND_THERE)
    for given in (f"~/{only_pytest.name}", only_pytest / "bin/python"):
        assert project.run(f"--accel-against={given}").parseoutcomes() == {"passed": 1}


@pytest.mark.slow
def test_a_command_that_hands_on_nothing_but_its_input_and_output_will_do(project, only_pytest, monkeypatch):
    """As a container does: no variables, no other file descriptors, and words on standard output before."""
    wrapper = project.path / "container"
    python = shlex.quote(str(only_pytest / "bin/python"))
    wrapper.write_text(
        f'#!/bin/sh\necho pulling the image\ncat | env -i STEP_TIME_S=0.25 {python} "$@" | cat\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("STEP_TIME_S", "0.25")
    project.benchmark(HERE_AND_THERE)
    assert project.run(f"--accel-against=sh {wrapper}").parseoutcomes() == {"passed": 1}


@pytest.mark.slow
def test_a_framework_that_the_other_environment_lacks_is_named_before_anything_is_measured(both, project):
    project.benchmark("""
        def test_resnet(accel):
            accel.throughput("resnet50", global_batch=8, image_size=32)
        """)
    result = both()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        "invalid: in env STEP_TIME_S=0.25 * the test fails: RuntimeError: The framework tensorflow is not "
        "installed here; pip install *",
    ])  # fmt: skip


ONLY_THERE = """
import os
import pytest

THERE = os.environ["STEP_TIME_S"] == "0.25"

def test_step(accel, clock):
    def step():
        clock.now_s += 0.25
    {body}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "fault", "shown"),
    [
        ("assert not THERE, 'only there'; accel.measure(step, examples_per_step=1)",
         "the test fails: AssertionError: only there", ">       assert not THERE, 'only there'*"),
        ("accel.measure(step, examples_per_step=1); assert not THERE, 'afterwards'",
         "the test fails: AssertionError: afterwards", "E       AssertionError: afterwards"),
        ("accel.measure(lambda: 1 / (not THERE) if THERE else step(), examples_per_step=1)",
         "the test fails: ZeroDivisionError: division by zero", "E   *ZeroDivisionError: division by zero"),
        ("THERE and pytest.skip('not here'); accel.measure(step, examples_per_step=1)",
         "the test is skipped: not here", "*not here*"),
        ("THERE or accel.measure(step, examples_per_step=1)", "the test made no measuring call", "*"),
        ("accel.measure(lambda: float('nan') if THERE and not step() else step(), examples_per_step=1)",
         ": the loss is nan after block 1: this training diverges", "*"),
    ],
    ids=["before", "afterwards", "in a step", "skipped", "unmeasured", "diverging"],
)  # fmt: skip
def test_what_goes_wrong_in_the_other_environment_only_is_invalid(both, project, body, fault, shown):
    project.benchmark(ONLY_THERE.format(body=body))
    result = both(here=1.0)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1}
    (line,) = (line for line in result.stdout.lines if line.startswith("invalid: in env STEP_TIME_S=0.25 "))
    assert fault in line
    result.stdout.fnmatch_lines([shown])


def test_what_goes_wrong_here_is_the_failure_of_the_test(both, project):
    project.benchmark(ONLY_THERE.format(body="assert THERE, 'only here'"))
    result = both(here=1.0)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([">       assert THERE, 'only here'", "E       AssertionError: only here"])


def test_other_work_in_the_other_environment_is_incomparable(both, project):
    project.benchmark(ONLY_THERE.format(body="accel.measure(step, examples_per_step=8 if THERE else 16)"))
    result = both(here=1.0)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["incomparable: *other work in env *(examples_per_step 8 -> 16)*"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "the process was ended by SIGKILL * while"),
        ("ctypes.PyDLL(None).sleep(3600)", "the run did not end within 20 s * still"),
    ],
    ids=["killed", "hanging"],
)
@pytest.mark.parametrize(
    ("side", "where"), [("0.25", "in env STEP_TIME_S=0.25 "), ("1.0", "in this environment")]
)
def test_a_process_that_is_lost_is_named_and_nothing_is_left(
    both, project, survivors, side, where, end, said
):
    project.benchmark(f"""
        import ctypes, os, signal

        def test_step(accel, clock):
            def step():
                clock.now_s += 0.25
                if os.environ["STEP_TIME_S"] == "{side}" and clock.now_s > 3:
                    {end}
            accel.measure(step, examples_per_step=1)
        """)
    result = both("--accel-timeout=20", here=1.0)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"invalid: {where}*: {said} training steps"])
    assert not survivors()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_session_that_is_ended_leaves_neither_process(project, only_pytest, survivors, monkeypatch, number):
    monkeypatch.setenv("STEP_TIME_S", "0.25")
    project.benchmark("""
        import os, pathlib, time

        def test_step(accel):
            def step():
                pathlib.Path(f"hanging-{os.getpid()}").touch()
                time.sleep(3600)
            accel.measure(step, examples_per_step=1)
        """)
    session = project.pytester.popen(
        [sys.executable, "-m", "pytest", f"--accel-against={only_pytest}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    while not list(project.path.glob("hanging-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    session.send_signal(number)
    session.communicate(timeout=60)

    assert not survivors()


def test_what_else_writes_to_the_line_is_named_and_does_not_hang(project, only_pytest, monkeypatch):
    """A length of a message that is text would be gigabytes to wait for."""
    wrapper = project.path / "noisy"
    python = shlex.quote(str(only_pytest / "bin/python"))
    wrapper.write_text(f'#!/bin/sh\nexec 9>&1\nLINE=9 exec {python} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("STEP_TIME_S", "0.25")
    project.benchmark("""
        import os

        def test_step(accel, clock):
            if "LINE" in os.environ:
                os.write(int(os.environ["LINE"]), b"noise\\n")
            accel.measure(lambda: None, examples_per_step=1)
        """)
    result = project.run(f"--accel-against=sh {wrapper}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        f"invalid: in sh {wrapper}: something else wrote to the standard output of the process while "
        "collecting and setting up the test (what arrived is not a message): *",
    ])  # fmt: skip
