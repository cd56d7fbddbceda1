"""Every outcome as a user meets it: word, letter, exit code, reason, and what other tools see of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest


def test_an_unchanged_step_passes(project):
    project.record()
    result = project.run("-v")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_step PASSED*",
        "passed * step time * 250 ms * 250 ms * +0.0% *",
    ])  # fmt: skip
    assert len(project.pids) == 1


@pytest.fixture
def regressed(project):
    project.record()
    return project.run("-v", "--junitxml=junit.xml", step_times_s=0.3)


def test_a_slower_step_fails_its_test_and_says_by_how_much(project, regressed):
    assert regressed.ret == pytest.ExitCode.TESTS_FAILED
    assert regressed.parseoutcomes() == {"failed": 1}
    interval = "(95% interval +12.0% to +28.5%)"
    reason = f"20.0% more time per step than the baseline {interval}, above the tolerance"
    regressed.stdout.fnmatch_lines([
        "test_it.py::test_step FAILED*",
        "*= FAILURES =*",
        f"regressed: {reason} of 10%*",
        f"regressed  test_it.py::test_step: {reason} of 10%*",
        "*= short test summary info =*",
        "FAILED test_it.py::test_step - regressed: 20.0% more time per step than*",
    ])  # fmt: skip
    regressed.stdout.no_fnmatch_line("*Traceback*")


def test_a_regression_counts_for_junit_and_for_last_failed(project, regressed):
    suite = ElementTree.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert "20.0% more time per step" in suite.find("testcase/failure").get("message")

    project.pytester.makepyfile(test_other="def test_other(): pass")
    again = project.run("--lf", step_times_s=0.25)
    assert again.parseoutcomes() == {"passed": 1}
    assert len(project.pids) == 1


def test_a_faster_step_is_improved_and_says_how_to_accept_it(project):
    project.record()
    result = project.run("-v", step_times_s=0.2)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"improved": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_step IMPROVED*",
        "improved  test_it.py::test_step: 20.0% less time per step than the baseline * "
        "beyond the tolerance of 10%: update the baseline with --accel-update-baselines*",
    ])  # fmt: skip


def test_an_undecided_step_is_inconclusive_and_says_what_it_could_have_seen(project):
    project.record()
    result = project.run("-v", step_times_s=0.27)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"inconclusive": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_step INCONCLUSIVE*",
        "inconclusive  test_it.py::test_step: 3 runs can neither show nor rule out a slowdown above 10%: "
        "step time changed by +8.0% * the smallest slowdown this could have seen is 1?.?%; "
        "more runs, here and in the baseline, narrow it (--accel-runs=6)*",
    ])  # fmt: skip


def test_without_a_baseline_the_command_that_records_it_is_given(project):
    result = project.run("-v", "--accel-identity=ci-pool")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"no_baseline": 1}
    result.stdout.fnmatch_lines([
        "test_it.py::test_step NO_BASELINE*",
        "no_baseline  test_it.py::test_step: nothing is stored for ci-pool: "
        "record it with --accel-record-missing --accel-runs=3",
    ])  # fmt: skip
    assert not project.baseline_files


LETTERS = """
    import pytest

    SLOWDOWNS = {"passed": 1, "improved": 0.8, "inconclusive": 1.08, "regressed": 1.3}

    @pytest.mark.parametrize("slowdown", SLOWDOWNS.values(), ids=SLOWDOWNS.keys())
    def test_step(accel, clock, slowdown, request):
        recording = request.config.getoption("accel_update_baselines")

        def step():
            clock.now_s += 0.25 if recording else 0.25 * slowdown

        accel.measure(step, examples_per_step=32)
    """


@pytest.mark.slow
def test_shown_passes_have_their_own_letter(project):
    project.benchmark(LETTERS)
    assert "test_it.py RRRR" in project.run("--accel-update-baselines").stdout.str()
    project.pytester.makepyfile(test_new=LETTERS)
    result = project.run("-k", "it or (new and passed)")
    assert "test_it.py .I?F" in result.stdout.str()
    assert "test_new.py N" in result.stdout.str()
    shown = {"passed": 1, "improved": 1, "inconclusive": 1, "failed": 1, "no_baseline": 1, "deselected": 3}
    assert result.parseoutcomes() == shown
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_other_work_is_incomparable_and_the_field_is_named(project):
    project.record()
    project.benchmark("def test_step(accel, step): accel.measure(step, examples_per_step=64)")
    before = project.baseline_file.read_bytes()
    for arguments in ([], ["--accel-record-missing"]):
        result = project.run(*arguments)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        assert result.parseoutcomes() == {"failed": 1}
        result.stdout.fnmatch_lines([
            "incomparable: the baseline is of other work (examples_per_step 32 -> 64): measure the same "
            "work, or accept the new one with --accel-update-baselines*"
        ])  # fmt: skip
        assert project.baseline_file.read_bytes() == before


def test_a_test_that_measures_nothing_is_unmeasured(project):
    project.benchmark("def test_step(accel): pass")
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines([
        "unmeasured: the test made no measuring call: call accel.throughput(...), accel.convergence(...) or "
        "accel.measure(step, ...), or drop accel from its arguments"
    ])  # fmt: skip
    assert not project.baseline_files


def test_numbers_that_mean_nothing_are_invalid_and_never_recorded(project):
    project.benchmark("""
        import pytest

        @pytest.mark.parametrize("loss", [float("nan"), float("inf")])
        def test_loss(accel, clock, loss):
            def step():
                clock.now_s += 0.25
                return {"loss": loss}

            accel.measure(step, examples_per_step=32)

        def test_no_time(accel, clock):
            accel.measure(lambda: None, examples_per_step=32)

        def test_backwards(accel, clock):
            def step():
                clock.now_s += 0.25 if clock.now_s < 3 else -0.25

            accel.measure(step, examples_per_step=32)
        """)
    report = project.report("--accel-update-baselines")
    assert [one["outcome"] for one in report["benchmarks"]] == ["invalid"] * 4
    nan, inf, no_time, backwards = (one["reason"] for one in report["benchmarks"])
    assert nan.startswith("the loss is nan after block 1: this training diverges")
    assert inf.startswith("the loss is inf after block 1: this training diverges")
    assert "there is no work to be timed" in no_time
    assert "which is not a valid duration" in backwards
    assert not project.baseline_files


def test_an_invalid_observation_leaves_the_old_baseline(project):
    project.record()
    before = project.baseline_file.read_bytes()
    project.benchmark("""
        def test_step(accel, clock):
            def step():
                clock.now_s += 0.25
                return float("nan")

            accel.measure(step, examples_per_step=32)
        """)
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "invalid: the loss is nan after block 1" in result.stdout.str()
    assert project.baseline_file.read_bytes() == before


def test_a_failing_assertion_is_shown_as_in_any_test_and_nothing_is_recorded(project):
    project.benchmark("""
        def test_step(accel, step):
            result = accel.measure(step, examples_per_step=32)
            assert result.throughput > 1_000, "too slow"
        """)
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        ">       assert result.throughput > 1_000, *",
        "E       AssertionError: too slow",
        "E       assert 128.0 > 1000",
        "test_it.py:*: AssertionError",
        "invalid  test_it.py::test_step: the test itself failed: AssertionError: too slow",
    ])  # fmt: skip
    assert not project.baseline_files


def test_measuring_twice_fails_and_says_what_to_do(project):
    project.benchmark("""
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
            accel.measure(step, examples_per_step=32)
        """)
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "test_it.py::test_step measures twice: one measuring call a test; parametrize it or split" in (
        result.stdout.str()
    )
    assert not project.baseline_files


def test_a_test_that_ends_itself_keeps_its_own_word(project):
    project.benchmark("""
        import pytest

        def test_skips(accel):
            pytest.skip("no time")

        def test_xfails(accel):
            pytest.xfail("known")

        @pytest.mark.skip(reason="marked")
        def test_marked(accel):
            pass
        """)
    file = project.path / "report.json"
    result = project.run(f"--accel-json={file}", "-rsx", "--accel-update-baselines")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"skipped": 2, "xfailed": 1}
    result.stdout.fnmatch_lines_random([
        "SKIPPED * no time",
        "XFAIL test_it.py::test_xfails - *known",
        "skipped  test_it.py::test_skips: no time",
        "skipped  test_it.py::test_xfails: expected to fail: known",
        "skipped  test_it.py::test_marked: marked",
    ])  # fmt: skip
    assert not project.baseline_files


def test_an_expected_regression_is_no_reason_not_to_ship(project, monkeypatch):
    project.record()
    project.benchmark("""
        import pytest

        @pytest.mark.xfail(reason="known to be slow")
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = project.run("--accel-html=page.html", step_times_s=0.3)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("::error*")
    result.stdout.fnmatch_lines(["accel: 1 regressed as expected in *"])
    assert "Ship: 1 regressed as expected" in (project.path / "page.html").read_text()
    assert "Do not ship" not in (project.path / "page.html").read_text()


def test_an_expected_regression_is_honoured(project):
    project.record()
    marked = """
        import pytest

        @pytest.mark.xfail(reason="known to be slow"{strict})
        def test_step(accel, step):
            accel.measure(step, examples_per_step=32)
        """
    project.benchmark(marked.format(strict=""))
    result = project.run("-v", step_times_s=0.3)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"xfailed": 1}
    result.stdout.fnmatch_lines(
        ["*test_step XFAIL*", "regressed  test_it.py::test_step: *20.0% more time per step*"]
    )
    assert project.run().parseoutcomes() == {"xpassed": 1}

    project.benchmark(marked.format(strict=", strict=True"))
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1}
    assert "[XPASS(strict)] known to be slow" in result.stdout.str()
