"""What the child says of its test is what the session says: outcome, words, output, properties."""

from __future__ import annotations

import xml.etree.ElementTree

import pytest

FLAKY = """
import pathlib

def test_it(accel, step):
    first = not pathlib.Path("ran").exists()
    pathlib.Path("ran").touch()
    print("first" if first else "second")
    accel.measure(step, examples_per_step=1)
    assert not first
"""


JUNIT = ("--junitxml=junit.xml", "-o", "junit_logging=all")


def junit(project):
    """What the session wrote: the attributes of the test suite, and its test cases by name."""
    suite = xml.etree.ElementTree.parse(project.path / "junit.xml").find("testsuite")
    return suite.attrib, {case.get("name"): case for case in suite.findall("testcase")}


def test_output_logs_and_properties_come_with_the_report(project):
    project.benchmark(
        """
        import logging, pathlib
        import pytest

        @pytest.fixture
        def talkative():
            print("said in setup")
            yield
            print("said in teardown")

        def test_it(talkative, accel, step, record_property):
            record_property("learning rate", 0.5)
            record_property("where", pathlib.Path("somewhere"))
            logging.getLogger("training").warning("logged in the body")
            print("said in the body")
            accel.measure(step, examples_per_step=1)
        """
    )

    project.run(*JUNIT)
    suite, cases = junit(project)
    properties = {each.get("name"): each.get("value") for each in cases["test_it"].iter("property")}
    output = "".join(cases["test_it"].itertext())

    assert (suite["tests"], suite["failures"], suite["errors"]) == ("1", "0", "0")
    of_the_test = {name: value for name, value in properties.items() if not name.startswith("accel.")}
    assert of_the_test == {"learning rate": "0.5", "where": "somewhere"}
    for said in ("said in setup", "logged in the body", "said in the body", "said in teardown"):
        assert output.count(said) == 1, said


def test_output_of_a_passing_benchmark_is_shown_on_demand(project):
    project.record()
    project.benchmark(
        """
        def test_step(accel, step):
            print("said in the body")
            accel.measure(step, examples_per_step=32)
        """
    )

    shown, hidden = project.run("-rP"), project.run("-s")

    shown.stdout.fnmatch_lines(["*= PASSES =*", "*Captured stdout call*", "said in the body"])
    hidden.stdout.no_fnmatch_line("said in the body")
    assert shown.ret == hidden.ret == pytest.ExitCode.OK


def test_a_failure_in_setup_or_teardown_is_an_error_and_the_next_test_is_unharmed(project):
    project.benchmark(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise LookupError("no data")

        @pytest.fixture
        def unclean():
            yield
            raise OSError("cannot clean up")

        def test_setup(broken, accel, step):
            accel.measure(step, examples_per_step=1)

        def test_teardown(unclean, accel, step):
            accel.measure(step, examples_per_step=1)

        def test_well(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )

    result = project.run(*JUNIT)
    suite, cases = junit(project)

    result.assert_outcomes(errors=2, passed=1)  # pytest counts the body of test_teardown
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_setup*",
            "E*LookupError: no data",
            "*ERROR at teardown of test_teardown*",
            "E*OSError: cannot clean up",
            "invalid*test_setup: the test itself failed: LookupError: no data",
            "invalid*test_teardown: the test itself failed: OSError: cannot clean up",
            "no_baseline*test_well: *",
        ]
    )
    assert (suite["failures"], suite["errors"]) == ("0", "2")
    assert cases["test_setup"].find("error") is not None
    assert cases["test_teardown"].find("error") is not None


def test_a_test_may_skip_or_xfail_itself(project):
    project.benchmark(
        """
        import pytest

        def test_skip(accel):
            pytest.skip("too warm here")

        def test_xfail(accel):
            pytest.xfail("known to be slow")

        def test_importorskip(accel):
            pytest.importorskip("no_such_framework")
        """
    )

    result = project.run("-rsx")

    result.assert_outcomes(skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED*test_it.py:*: too warm here", "SKIPPED*no_such_framework*", "XFAIL*known to be slow"],
    )


def test_a_whole_file_that_skips_in_the_child_is_a_skip(project):
    project.benchmark(
        """
        import os
        import pytest

        if "PYTEST_ACCEL_RUN" in os.environ:
            pytest.skip("not in this process", allow_module_level=True)

        def test_it(accel):
            pass
        """
    )

    result = project.run("-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*not in this process"])


def test_xfail_marks_count_as_in_any_test(project):
    project.benchmark(
        """
        import pytest

        @pytest.mark.xfail(raises=ZeroDivisionError)
        def test_expected(accel):
            accel.measure(lambda: 1 / 0, examples_per_step=1)

        @pytest.mark.xfail(raises=ZeroDivisionError)
        def test_unexpected(accel):
            accel.measure(lambda: [][0], examples_per_step=1)

        @pytest.mark.xfail(strict=True)
        def test_strict(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.xfail
        def test_better(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.xfail("False")
        def test_not_here(accel):
            accel.measure(lambda: 1 / 0, examples_per_step=1)

        @pytest.mark.xfail
        def test_crash(accel):
            __import__("os").abort()
        """
    )

    result = project.run()

    result.assert_outcomes(xfailed=2, xpassed=1, failed=3)
    result.stdout.fnmatch_lines(["FAILED*test_unexpected*", "FAILED*test_strict*", "FAILED*test_not_here*"])


def test_no_process_is_started_where_a_mark_already_decides(project):
    project.benchmark(
        """
        import pathlib
        import pytest

        pathlib.Path("imported").open("a").write("once ")

        @pytest.mark.skip(reason="never here")
        def test_skip(accel):
            pass

        @pytest.mark.skipif("True", reason="not now")
        def test_skipif(accel):
            pass

        @pytest.mark.xfail(run=False, reason="hangs")
        def test_xfail(accel):
            pass
        """
    )

    result = project.run()

    result.assert_outcomes(skipped=2, xfailed=1)
    assert (project.path / "imported").read_text() == "once "


def test_a_test_may_end_the_session(project):
    project.benchmark(
        """
        import pytest

        def test_ends(accel, step):
            accel.measure(step, examples_per_step=1)
            pytest.exit("the machine is on fire", returncode=77)

        def test_never_runs(accel):
            raise AssertionError
        """
    )

    result = project.run()

    assert result.ret == 77
    result.stdout.fnmatch_lines(["*Exit: the machine is on fire*"])
    assert project.baseline_files == []


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise SystemExit"])
def test_an_exit_of_the_interpreter_is_a_failure_of_the_test(project, end):
    project.benchmark(f"import sys\n\ndef test_it(accel):\n    {end}\n")

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*SystemExit*"])


def test_an_interrupt_inside_a_test_ends_the_session(project):
    project.benchmark("def test_it(accel):\n    raise KeyboardInterrupt\n")

    assert project.run().ret == pytest.ExitCode.INTERRUPTED


def test_measuring_in_a_fixture_and_in_a_class_of_unittest(project):
    project.benchmark(
        """
        import unittest
        import pytest

        @pytest.fixture
        def measured(accel, step):
            return accel.measure(step, examples_per_step=8)

        def test_fixture(measured):
            assert measured.throughput == 32

        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _ask_for(self, accel, step):
                self.accel, self.step = accel, step

            def test_method(self):
                self.accel.measure(self.step, examples_per_step=1)
        """
    )

    assert project.run().parseoutcomes() == {"no_baseline": 2}


def test_a_wider_fixture_cannot_measure(project):
    project.benchmark(
        """
        import pytest

        @pytest.fixture(scope="module")
        def measured(accel):
            pass

        def test_it(measured):
            pass
        """
    )

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ScopeMismatch*function scoped fixture accel*"])


def test_a_failing_benchmark_is_rerun_and_the_last_result_counts(project):
    project.benchmark(FLAKY)

    result = project.run("--reruns=1")

    assert result.ret == pytest.ExitCode.OK
    assert len(project.pids) == 2
    assert result.parseoutcomes() == {"no_baseline": 1, "rerun": 1}


def test_what_is_rerun_has_one_outcome_in_junit(project):
    project.record("--accel-runs=3")
    slow_then_fast = "0.5 0.5 0.5 0.25"
    result = project.run("--reruns=1", "--junitxml=junit.xml", step_times_s=slow_then_fast)
    assert result.parseoutcomes() == {"passed": 1, "rerun": 1}
    *_, case = xml.etree.ElementTree.parse(project.path / "junit.xml").iter("testcase")
    outcomes = [each.get("value") for each in case.iter("property") if each.get("name") == "accel.outcome"]
    assert outcomes == ["passed"]


def test_only_the_session_reruns_never_the_child(project):
    project.benchmark("import pytest\n\npytestmark = pytest.mark.flaky(reruns=2)\n" + FLAKY)

    result = project.run("--strict-markers", "-p", "no:rerunfailures", "-o", "markers=flaky: tests that fail")

    result.assert_outcomes(failed=1)
    assert len(project.pids) == 1


def test_failures_count_for_first_failure_and_last_failed(project):
    project.benchmark(
        """
        def test_bad(accel):
            accel.measure(lambda: 1 / 0, examples_per_step=1)

        def test_good(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )

    first = project.run("-x")
    again = project.run("--lf")

    assert first.parseoutcomes() == again.parseoutcomes() == {"failed": 1}


def test_durations_are_those_of_the_session(project):
    result = project.run("--durations=1", "--durations-min=0")

    result.stdout.fnmatch_lines(["*s call*test_it.py::test_step"])


def test_warnings_may_be_errors(project):
    project.benchmark(
        """
        import warnings

        def test_it(accel):
            warnings.warn("old way", FutureWarning)
        """
    )

    result = project.run("-W", "error::FutureWarning")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*FutureWarning: old way"])


def test_how_reports_are_shown_reaches_the_child(project):
    project.benchmark(
        """
        def test_it(accel):
            local_name = list(range(3))
            assert local_name == [0, 1, 5]
        """
    )

    plain, wordy = project.run("--tb=line"), project.run("-vv", "--showlocals")

    plain.stdout.fnmatch_lines(["*test_it.py:3: *assert*"])
    plain.stdout.no_fnmatch_line(">*")
    wordy.stdout.fnmatch_lines(["local_name = [[]0, 1, 2[]]", "*Full diff*"])
