"""Benchmarks beside ordinary tests and other plugins."""

from __future__ import annotations

import pytest


def test_ordinary_tests_and_their_fixtures_run_here_and_once(project):
    project.benchmark(
        """
        import os, pathlib
        import pytest

        def note(what):
            with open(f"{what}.txt", "a") as file:
                file.write(f"{os.getpid()} ")

        @pytest.fixture(scope="session", autouse=True)
        def whole_session():
            note("session")

        @pytest.fixture(scope="module")
        def data():
            note("data")
            return 3

        def test_before(data):
            note("test")

        def test_speed(accel, step, data):
            accel.measure(step, examples_per_step=data)

        def test_speed_again(accel, step, data):
            accel.measure(step, examples_per_step=data)

        def test_after(data):
            note("test")
        """
    )

    result = project.run(subprocess=True)

    here, *in_children = pids(project, "data")
    assert result.parseoutcomes() == {"passed": 2, "no_baseline": 2}
    assert pids(project, "test") == [here, here]
    assert in_children == project.pids
    assert pids(project, "session") == [here, *project.pids]


def pids(project, what):
    return [int(pid) for pid in (project.path / f"{what}.txt").read_text().split()]


def test_a_session_of_benchmarks_sets_up_no_fixture_of_theirs(project):
    project.benchmark(
        """
        import os
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def only_in_the_child():
            assert "PYTEST_ACCEL_RUN" in os.environ

        def test_it(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )

    assert project.run().parseoutcomes() == {"no_baseline": 1}


def test_under_xdist_benchmarks_say_how_to_run_and_other_tests_run(project):
    project.benchmark(
        """
        def test_it(accel, step):
            accel.measure(step, examples_per_step=1)

        def test_ordinary():
            pass
        """
    )

    spread = project.run("-n2", subprocess=True)
    alone = project.run("-n0", subprocess=True)

    spread.assert_outcomes(errors=1, passed=1)
    spread.stdout.fnmatch_lines(["*ERROR at setup of test_it*", "*run benchmarks with -n0*"])
    assert alone.parseoutcomes() == {"no_baseline": 1, "passed": 1}


@pytest.mark.parametrize(
    "arguments", [["-p", "no:benchmark"], ["--benchmark-disable"], ["--benchmark-only"], ["-p", "no:terminal"]]
)
def test_other_plugins_may_be_switched_off_or_asked_for(project, arguments):
    project.record()

    result = project.run(*arguments, step_times_s=0.3)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert len(project.pids) > 0


def test_faults_are_told_without_the_fault_handler(project):
    project.benchmark("def test_it(accel):\n    __import__('os').abort()\n")

    result = project.run("-p", "no:faulthandler")

    result.stdout.fnmatch_lines(["invalid: the process was ended by SIGABRT (Aborted)*"])


def test_a_real_step_of_tensorflow_in_a_child(project):
    project.benchmark(
        """
        import sys

        def test_it(accel):
            import tensorflow as tf

            weights = tf.Variable(tf.zeros([8]))

            @tf.function
            def step():
                weights.assign_add(tf.ones([8]))
                return {"loss": tf.reduce_sum(weights)}

            result = accel.measure(step, examples_per_step=1)
            assert result.loss > 8
            assert tf.config.get_visible_devices("GPU") == []
        """
    )

    (benchmark,) = project.report("--accel-budget=1")["benchmarks"]

    assert benchmark["outcome"] == "no_baseline"
    assert benchmark["workload"]["framework"] == "tensorflow"
