"""Projects whose hooks, settings and folders are unusual: a run is still the session that was started."""

from __future__ import annotations

import shutil

import pytest

FAILS_AFTERWARDS = """
def test_it(accel, step):
    accel.measure(step, examples_per_step=1)
    assert 1 == 2, "must fail"
"""


def add_to_conftest(project, source):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(source)


OWN_PROTOCOL = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""


def test_a_protocol_that_logs_reports_later_loses_no_failure(project):
    add_to_conftest(project, OWN_PROTOCOL)
    project.benchmark(FAILS_AFTERWARDS)
    result = project.run("--accel-update-baselines")
    assert result.parseoutcomes() == {"failed": 1}
    assert project.baseline_files == []
    result.stdout.fnmatch_lines(["invalid *must fail*"])


CHANGED = """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "{when}":
        report.outcome, report.longrepr = {end}
    return report
"""


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_a_hook_that_fails_a_test_fails_its_benchmark(project, when):
    add_to_conftest(project, CHANGED.format(when=when, end=("failed", "leaked threads")))
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.baseline_files == []
    result.stdout.fnmatch_lines(["invalid *leaked threads*"])


def test_a_hook_that_skips_a_test_skips_its_benchmark(project):
    end = ("skipped", ("conftest.py", 1, "Skipped: not today"))
    add_to_conftest(project, CHANGED.format(when="setup", end=end))
    assert project.run("-rs").parseoutcomes() == {"skipped": 1}


def test_a_hook_that_calls_a_failure_passed_hides_no_missing_verdict(project):
    """Where it does so in the run only; elsewhere its word is the last."""
    in_run = 'call" and hasattr(item.config, "accel_run") and "call'
    add_to_conftest(project, CHANGED.format(when=in_run, end=("passed", None)))
    project.benchmark("def test_it(accel):\n    assert False\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["invalid *a hook of the project or a plugin calls it passed*"])


FIRST_IS_FLAKY = """
def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.xfail(reason="the first one is known to be flaky"))
"""


def test_a_mark_that_a_hook_gives_to_another_test_of_the_session_is_not_the_runs(project):
    add_to_conftest(project, FIRST_IS_FLAKY)
    (project.path / "test_a.py").write_text("def test_first():\n    assert False\n")
    project.benchmark(FAILS_AFTERWARDS)
    assert project.run().parseoutcomes() == {"xfailed": 1, "failed": 1}


def test_a_mark_that_a_hook_gives_to_a_benchmark_holds_in_its_run(project):
    add_to_conftest(project, FIRST_IS_FLAKY)
    project.benchmark(FAILS_AFTERWARDS)
    assert project.run().parseoutcomes() == {"xfailed": 1}


ONE_MORE = """
def pytest_collection_modifyitems(items):
    first = items[0]
    items.append(type(first).from_parent(first.parent, name=first.name + "_again", callobj=first.obj))
"""


def test_a_test_that_a_hook_adds_is_found(project):
    add_to_conftest(project, ONE_MORE)
    assert project.run().parseoutcomes() == {"no_baseline": 2}


def test_the_project_may_require_this_plugin(project):
    project.pytester.makeini("[pytest]\nrequired_plugins = pytest-accel pytest-benchmark\n")
    assert project.run(subprocess=True).parseoutcomes() == {"no_baseline": 1}


def test_a_path_setting_without_an_ini_file_counts_from_where_pytest_was_called(project):
    (project.path / "src").mkdir()
    (project.path / "src" / "mymodel.py").write_text("EXAMPLES = 7\n")
    project.benchmark(
        """
        import mymodel

        def test_it(accel, step):
            accel.measure(step, examples_per_step=mymodel.EXAMPLES)
        """
    )
    assert project.run("-o", "pythonpath=src", subprocess=True).parseoutcomes() == {"no_baseline": 1}


@pytest.mark.parametrize("given", ["--slow", "--level=3", "--pair a b", "--maybe"])
def test_an_option_of_a_conftest_beside_the_test_is_no_obstacle(project, given):
    folder = project.path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--slow', action='store_true')\n"
        "    parser.addoption('--level', type=int)\n"
        "    parser.addoption('--pair', nargs=2)\n"
        "    parser.addoption('--maybe', nargs='?', const='yes')\n"
    )
    bench = project.path / "bench"
    bench.mkdir()
    shutil.move(project.path / "test_it.py", bench / "test_it.py")
    assert project.run(*given.split(), subprocess=True).parseoutcomes() == {"no_baseline": 1}


def test_without_the_logging_plugin_under_strict_settings(project):
    result = project.run("-p", "no:logging", "--strict-config", "-W", "error", subprocess=True)
    assert result.parseoutcomes() == {"no_baseline": 1}


def test_a_rootdir_whose_name_looks_like_a_variable(project, monkeypatch):
    odd = project.path / "x$HOME"
    odd.mkdir()
    for name in ("conftest.py", "test_it.py"):
        shutil.move(project.path / name, odd / name)
    monkeypatch.chdir(odd)
    assert project.run().parseoutcomes() == {"no_baseline": 1}


def test_a_report_may_hold_what_json_cannot(project):
    add_to_conftest(
        project,
        """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.extra = {(1, 2): 3, "odd": object()}
    return report
""",
    )
    assert project.run().parseoutcomes() == {"no_baseline": 1}
