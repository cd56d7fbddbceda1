"""A process that dies or talks nonsense costs one benchmark, never the session."""

from __future__ import annotations

import psutil
import pytest


def reasons(report):
    """The reasons of a session's invalid benchmarks, by the name of the test without ``test_``."""
    return {
        benchmark["nodeid"].rpartition("test_")[2]: benchmark["reason"]
        for benchmark in report["benchmarks"]
        if benchmark["outcome"] == "invalid"
    }


def add_to_conftest(project, source):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(source)


def well(report):
    """The names of the other tests."""
    named = {benchmark["nodeid"].rpartition("test_")[2] for benchmark in report["benchmarks"]}
    return named - set(reasons(report))


def test_each_way_to_die_is_named_and_the_session_goes_on(project):
    project.benchmark(
        """
        import atexit, ctypes, os, signal
        import pytest

        def dies(accel, how, *arguments):
            accel.measure(lambda: how(*arguments), examples_per_step=1)

        def test_fault(accel):
            dies(accel, ctypes.string_at, 0)

        def test_exit(accel):
            dies(accel, os._exit, 7)

        def test_abort(accel):
            dies(accel, os.abort)

        def test_kill(accel):
            dies(accel, os.kill, os.getpid(), signal.SIGKILL)

        def test_nameless(accel):
            dies(accel, os.kill, os.getpid(), signal.SIGRTMIN + 2)

        @pytest.fixture
        def exits():
            os._exit(9)

        def test_setup(exits, accel):
            pass

        def test_afterwards(accel, step):
            accel.measure(step, examples_per_step=1)
            os._exit(0)

        def test_well(accel, step):
            accel.measure(step, examples_per_step=1)
            atexit.register(os.abort)  # the run is complete by then
        """
    )

    report = project.report()

    step = "while building, compiling or warming up"
    assert reasons(report) == {
        "fault": f"the process was ended by SIGSEGV (Segmentation fault) {step}",
        "exit": f"the process ended with exit status 7 {step}",
        "abort": f"the process was ended by SIGABRT (Aborted) {step}",
        "kill": f"the process was ended by SIGKILL (killed from outside; out of memory?) {step}",
        "nameless": f"the process was ended by signal 36 {step}",
        "setup": "the process ended with exit status 9 while collecting and setting up the test",
        "afterwards": "the process ended with exit status 0 while running the rest of the test",
    }
    assert well(report) == {"well"}


def test_a_crash_shows_where_it_happened(project):
    project.benchmark(
        """
        import ctypes

        def faulty_step():
            ctypes.string_at(0)

        def test_it(accel):
            accel.measure(faulty_step, examples_per_step=1)
        """
    )

    result = project.run()

    result.stdout.fnmatch_lines(
        ["*Captured output of the worker process*", "*test_it.py*line 4 in faulty_step"]
    )


def test_an_exception_in_a_step_shows_the_lines_of_the_user_and_none_of_ours(project):
    project.benchmark(
        """
        import logging

        def test_it(accel):
            def step():
                print("printed by the step")
                logging.warning("logged by the step")
                raise ArithmeticError("the step is wrong")
            accel.measure(step, examples_per_step=1)
        """
    )

    result = project.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            '>*raise ArithmeticError("the step is wrong")',
            "E*ArithmeticError: the step is wrong",
            "*Captured stdout call*",
            "printed by the step",
            "*Captured log call*",
            "*logged by the step",
            "*invalid*: the test itself failed: ArithmeticError: the step is wrong",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_accel/*: in *")


def test_a_test_that_hides_what_its_step_raised_is_invalid(project):
    project.benchmark(
        """
        import contextlib

        def test_it(accel):
            with contextlib.suppress(ZeroDivisionError):
                accel.measure(lambda: 1 / 0, examples_per_step=1)
        """
    )

    assert reasons(project.report()) == {
        "it": "the test ended before it was measured: let what a step raises leave the test"
    }


def test_fixtures_are_torn_down_where_the_observation_is_refused(project):
    project.benchmark(
        """
        import math, pathlib
        import pytest

        @pytest.fixture
        def resource():
            yield
            pathlib.Path("given back").touch()

        def test_it(resource, accel, clock):
            def step():
                clock.now_s += 0.1
                return math.nan
            accel.measure(step, examples_per_step=1)
        """
    )

    result = project.run()

    assert (project.path / "given back").exists()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["invalid: the loss is nan after block 1*"])


def test_garbage_on_the_output_disturbs_nothing(project):
    project.benchmark(
        r"""
        import os, subprocess, sys

        def test_binary(accel, step):
            def garbage():
                os.write(1, bytes(range(256)))
                os.write(2, b"\xff\xfe\x00" * 100)
                print("\udcff\x00\x1b[2J")
                return step()
            accel.measure(garbage, examples_per_step=1)

        def test_other_process(accel, step):
            subprocess.run([sys.executable, "-c", "print('{\"kind\": \"done\"}')"], check=True)
            accel.measure(step, examples_per_step=1)

        def test_closed(accel, step):
            for descriptor in 0, 1, 2:
                os.close(descriptor)
            accel.measure(step, examples_per_step=1)
        """
    )

    report = project.report("-rP")

    assert well(report) == {"binary", "other_process", "closed"}


def test_huge_output_is_cut_and_says_so(project):
    project.benchmark(
        """
        def test_it(accel, step):
            print("the beginning")
            for _ in range(50):
                print("x" * 2**20)
            print("the end")
            accel.measure(step, examples_per_step=1)
            raise RuntimeError
        """
    )

    result = project.run()

    result.stdout.fnmatch_lines(["* characters left out[]]", "the end"])
    assert len(result.stdout.str()) < 2 * 2**20


def test_a_step_may_use_threads_and_processes_and_change_the_working_directory(project):
    project.benchmark(
        """
        import os, subprocess, sys, threading

        def test_it(accel, step, tmp_path):
            def busy():
                os.chdir(tmp_path)
                thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", ""],))
                thread.start()
                thread.join()
                return step()
            accel.measure(busy, examples_per_step=1)

        def test_after(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )

    assert well(project.report()) == {"it", "after"}


def test_a_process_that_a_step_forks_cannot_speak_for_it(project):
    project.benchmark(
        """
        import os

        def test_it(accel, step):
            forked = []
            def forking():
                if not forked:
                    forked.append(os.fork())
                return step()
            accel.measure(forking, examples_per_step=1)
            if forked == [0]:
                os._exit(1)
        """
    )

    assert well(project.report()) == {"it"}


def test_a_child_whose_collection_fails_reports_why(project):
    project.benchmark(
        """
        import os, sys

        if "PYTEST_ACCEL_RUN" in os.environ:
            import not_there

        def test_it(accel):
            pass
        """
    )

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ModuleNotFoundError: No module named 'not_there'"])


def test_a_child_whose_conftest_fails_reports_why(project):
    add_to_conftest(
        project,
        """
if "PYTEST_ACCEL_RUN" in os.environ:
    raise LookupError("no such thing")
""",
    )

    result = project.run()

    result.stdout.fnmatch_lines(
        [
            "*Captured output of the worker process*",
            "*LookupError: no such thing",
            "invalid*pytest does not start in the worker process: LookupError: no such thing*conftest.py",
        ]
    )


def test_a_child_in_which_pytest_itself_fails_reports_why(project):
    add_to_conftest(
        project,
        """
def pytest_runtest_makereport(item, call):
    if "PYTEST_ACCEL_RUN" in os.environ:
        raise LookupError("in a hook")
""",
    )

    result = project.run()

    result.stdout.fnmatch_lines(
        ["*a hook or plugin of pytest failed while collecting *LookupError: in a hook*"]
    )


def test_a_child_that_does_not_find_the_test_says_what_may_be_wrong(project):
    project.benchmark(
        """
        import os
        import pytest

        @pytest.mark.parametrize("process", [os.getpid()])
        def test_it(accel, process):
            pass
        """
    )

    (reason,) = reasons(project.report()).values()

    assert "did not find this test" in reason
    assert "the same name in every process" in reason


def test_no_descriptor_or_process_of_a_run_is_left(project):
    def descriptors_left(*arguments):
        before = psutil.Process().num_fds()
        project.run(*arguments)
        return psutil.Process().num_fds() - before

    by_sessions_alone = descriptors_left("--collect-only")

    assert descriptors_left("--accel-runs=3") <= by_sessions_alone
    assert len(project.pids) == 3
    assert not any(map(psutil.pid_exists, project.pids))
