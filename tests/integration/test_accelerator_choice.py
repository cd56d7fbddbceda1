"""--accel and --accel-framework: what runs, and an accelerator that is not here."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["cpu", "auto"])
def test_the_cpu_is_always_there(project, kind):
    report = project.report(f"--accel={kind}")
    assert report["accelerator"]["kind"] == "cpu"
    assert report["accelerator"]["devices"] == 1
    assert report["benchmarks"][0]["outcome"] == "no_baseline"


@pytest.mark.parametrize("kind", ["gpu", "tpu"])
def test_an_absent_accelerator_is_a_usage_error_that_lists_what_was_found(project, kind):
    result = project.run(f"--accel={kind}", "--accel-update-baselines")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"ERROR: --accel={kind}: no {kind.upper()} here (*). Found: cpu (*). "
        "Run with --accel=cpu or --accel=auto."
    ])  # fmt: skip
    assert project.pids == []
    assert not project.baseline_files


def test_an_absent_accelerator_does_not_matter_without_benchmarks(project):
    project.pytester.makepyfile(test_plain="def test_plain(): pass")
    assert project.run("--accel=tpu", "-k", "plain").parseoutcomes() == {"passed": 1, "deselected": 1}
    assert project.run("--accel=tpu", "--collect-only").ret == pytest.ExitCode.OK


def test_a_file_that_cannot_be_collected_does_not_hide_the_usage_error(project):
    project.pytester.makepyfile(test_broken="import nothing_of_this_name")
    result = project.run("--accel=tpu", "--continue-on-collection-errors")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --accel=tpu: no TPU here *"])
    assert project.run("--accel=tpu").ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("--accel=cuda", "auto, cpu, gpu, tpu"),
        ("--accel=", "auto, cpu, gpu, tpu"),
        ("--accel-framework=torch", "tensorflow"),
    ],
)
def test_an_unknown_choice_is_a_usage_error_that_lists_the_choices(project, option, choices):
    flag, _, value = option.partition("=")
    result = project.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"error: argument {flag}: {value!r} is not one of {choices}" in result.stderr.str()


def test_the_fixture_tells_the_hardware_of_the_session(project):
    project.benchmark("""
        def test_step(accel, accelerator, step):
            assert (accelerator.kind, accelerator.identity) == ("cpu", "ci-pool")
            accel.measure(step, examples_per_step=32)

        def test_plain(accelerator):
            assert (accelerator.kind, accelerator.identity) == ("cpu", "ci-pool")
        """)
    result = project.run("--accel-identity=ci-pool")
    assert result.parseoutcomes() == {"no_baseline": 1, "passed": 1}


def test_a_benchmark_asked_for_by_name_only_while_it_runs_says_what_to_do(project):
    project.benchmark("""
        def test_step(request):
            request.getfixturevalue("accel")
        """)
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["accel was asked for while the test ran: name it among the arguments*"])
