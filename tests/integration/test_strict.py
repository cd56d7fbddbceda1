"""--accel-strict, --no-accel-strict, the ini key, and CI: what is no proven pass fails."""

from __future__ import annotations

import pytest

SKIPPED = """
    import pytest

    @pytest.mark.accel(kinds="tpu")
    def test_step(accel, step):
        accel.measure(step, examples_per_step=32)
    """


@pytest.mark.parametrize(
    ("arguments", "ci", "fails"),
    [
        ([], "", False),
        ([], "true", True),
        ([], "0", False),
        ([], "false", False),
        (["--accel-strict"], "", True),
        (["--no-accel-strict"], "true", False),
        (["-o", "accel_strict=true"], "", True),
        (["-o", "accel_strict=false"], "true", False),
        (["-o", "accel_strict=true", "--no-accel-strict"], "true", False),
        (["--accel-strict", "--no-accel-strict"], "", False),
    ],
)
def test_where_strictness_comes_from(project, monkeypatch, arguments, ci, fails):
    monkeypatch.setenv("CI", ci)
    project.benchmark(SKIPPED)
    result = project.run(*arguments)
    assert result.parseoutcomes() == {"skipped": 1}
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if fails else pytest.ExitCode.OK)
    said = "accel: every benchmark was skipped, so nothing was gated, and strict mode fails the session: "
    assert (said in result.stdout.str()) == fails
    assert ("or pass --no-accel-strict" in result.stdout.str()) == fails


def test_one_benchmark_that_ran_is_enough(project):
    project.record()
    project.pytester.makepyfile(test_other=SKIPPED)
    result = project.run("--accel-strict")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 1, "skipped": 1}


def test_a_missing_baseline_fails(project):
    result = project.run("--accel-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["no_baseline: nothing is stored for *: record it with --accel-record-*"])


def test_an_inconclusive_comparison_fails_and_an_improvement_passes(project):
    project.record()
    result = project.run("--accel-strict", step_times_s=0.27)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["inconclusive: 3 runs can neither show nor rule out a slowdown above 10%*"])
    result = project.run("--accel-strict", step_times_s=0.2)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"improved": 1}


def test_recording_passes(project):
    result = project.run("--accel-strict", "--accel-record-missing")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"recorded": 1}


def test_a_session_that_is_ended_with_success_before_anything_was_measured_fails(project):
    project.benchmark(
        "import pytest\n"
        "def test_step(accel): accel.measure(lambda: pytest.exit('done', 0), examples_per_step=1)"
    )
    result = project.run("--accel-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["accel: the session was ended early as if all were well (1 benchmark not measured, *"]
    )
    assert project.run().ret == pytest.ExitCode.OK
