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


def test_a_fixture_of_that_name_that_a_project_has_for_itself_is_left_alone(project):
    project.benchmark(
        """
        import os
        import pytest

        @pytest.fixture
        def accel():
            return 9.81

        def test_gravity(accel):
            assert accel > 9
            assert "PYTEST_ACCEL_RUN" not in os.environ
        """
    )

    result = project.run()

    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.no_fnmatch_line("accel: *")


def test_a_fixture_that_wraps_ours_is_a_benchmark(project):
    project.benchmark(
        """
        import pytest

        @pytest.fixture
        def accel(accel, step):
            return lambda: accel.measure(step, examples_per_step=1)

        def test_it(accel):
            accel()
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "option", ["-pno:benchmark", "--benchmark-disable", "--benchmark-only", "-pno:terminal"]
)
def test_other_plugins_may_be_switched_off_or_asked_for(project, option):
    project.record()

    result = project.run(option, step_times_s=0.3)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert len(project.pids) > 0


def test_what_plugins_do_at_the_end_of_a_child_does_not_matter(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            """
IN_CHILD = "PYTEST_ACCEL_RUN" in os.environ

def pytest_terminal_summary():
    assert not IN_CHILD, "nobody reads the summary of a child"

def pytest_unconfigure(config):
    config.pluginmanager.unregister(config.pluginmanager.get_plugin("pastebin"))
    print("good bye " * 1000)
    assert not IN_CHILD
"""
        )

    assert project.run().parseoutcomes() == {"no_baseline": 1}


def test_faults_are_told_without_the_fault_handler(project):
    project.benchmark("def test_it(accel):\n    __import__('os').abort()\n")

    result = project.run("-p", "no:faulthandler")

    result.stdout.fnmatch_lines(["invalid: the process was ended by SIGABRT (Aborted)*"])


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_real_step_of_tensorflow_in_a_child(project):
    project.benchmark(
        """
        import time
        from pytest_accel.worker.step_timer import CLOCK

        def test_it(accel, request):
            import tensorflow as tf

            request.config.stash[CLOCK] = time.perf_counter
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
