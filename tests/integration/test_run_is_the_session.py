"""A run is the session that the user started: its path, options, plugins, hooks, but for what must differ."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("pytest")

WHERE = """
import pathlib, sys
import mymodel

def note(who):
    with open("seen.txt", "a") as file:
        file.write(f"{who}: {mymodel.WHICH} {sys.path[0]}\\n")

def test_plain():
    note("plain")

def test_speed(accel, step):
    note("benchmark")
    accel.measure(step, examples_per_step=1)
"""


def seen(project):
    lines = (project.path / "seen.txt").read_text().splitlines()
    (project.path / "seen.txt").unlink()
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}


@pytest.fixture
def shadowed(project, monkeypatch):
    """A project whose working copy of a package hides the installed one where the folder is on the path."""
    (project.path / "test_it.py").unlink()
    tests = project.path / "bench"
    tests.mkdir()
    shutil.move(project.path / "conftest.py", tests / "conftest.py")
    (tests / "test_it.py").write_text(WHERE)
    for folder, which in ((project.path, "working-copy"), (project.path / "site", "installed")):
        (folder / "mymodel").mkdir(parents=True)
        (folder / "mymodel" / "__init__.py").write_text(f"WHICH = {which!r}\n")
    monkeypatch.setenv("PYTHONPATH", str(project.path / "site"))
    return project


def start(project, *command, where="."):
    """What a session in a process of its own prints; pytester would put the folder on its path."""
    (project.path / "runs.txt").write_text("")
    done = subprocess.run(
        [*command, "-p", "no:hypothesispytest", where],
        cwd=project.path,
        env={**os.environ, "STEP_TIMES_S": "0.25"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    return pytest.LineMatcher(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("command", "which"),
    [
        ([SCRIPT], "installed"),
        ([sys.executable, "-m", "pytest"], "working-copy"),
        ([sys.executable, "-P", "-m", "pytest"], "installed"),
    ],
    ids=["script", "module", "safe path"],
)
def test_a_benchmark_imports_what_plain_tests_import(shadowed, command, which):
    start(shadowed, *command, where="bench")
    found = seen(shadowed)
    assert found["benchmark"] == found["plain"]
    assert found["benchmark"].startswith(which)


def test_a_script_that_calls_pytest_lends_runs_its_folder(shadowed):
    tools = shadowed.path / "tools"
    tools.mkdir()
    (tools / "run.py").write_text("import sys, pytest\nsys.exit(pytest.main())\n")
    shutil.copytree(shadowed.path / "mymodel", tools / "mymodel")
    (tools / "mymodel" / "__init__.py").write_text("WHICH = 'of-the-tools'\n")
    start(shadowed, sys.executable, "tools/run.py", where="bench")
    found = seen(shadowed)
    assert found["benchmark"] == found["plain"]
    assert found["benchmark"].startswith("of-the-tools")


def test_a_file_called_like_a_module_of_the_standard_library_is_no_obstacle(shadowed):
    for name in ("json", "importlib", "tempfile", "ctypes", "sysconfig"):
        (shadowed.path / f"{name}.py").write_text("raise ImportError('not this one')\n")
    start(shadowed, SCRIPT, where="bench")
    assert seen(shadowed)["benchmark"].startswith("installed")


def test_options_of_python_reach_the_run(project):
    project.benchmark(
        """
        import sys

        def test_it(accel, step):
            assert sys.flags.dev_mode
            if sys.flags.optimize != 1 or "utf8" not in sys._xoptions:
                raise LookupError(sys.flags)
            accel.measure(step, examples_per_step=1)
        """
    )
    stdout = start(project, sys.executable, "-O", "-X", "dev", "-X", "utf8", "-m", "pytest")
    stdout.fnmatch_lines(["no_baseline *"])


OF_A_PLUGIN = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--model-size", default="small")

@pytest.fixture
def layers(request):
    return {"small": 1, "large": 8}[request.config.getoption("--model-size")]
"""


def measured(project, *arguments, **settings):
    (benchmark,) = project.report(*arguments, **settings)["benchmarks"]
    return benchmark


@pytest.mark.parametrize("where", ["command line", "addopts", "PYTEST_ADDOPTS"])
def test_an_option_of_a_plugin_reaches_the_run_wherever_it_was_given(project, monkeypatch, where):
    (project.path / "benchtools.py").write_text(OF_A_PLUGIN)
    project.benchmark(
        "def test_it(accel, step, layers):\n    accel.measure(step, examples_per_step=layers)\n"
    )
    words = "-p benchtools --model-size=large"
    if where == "addopts":
        project.pytester.makeini(f"[pytest]\naddopts = {words}\n")
    elif where == "PYTEST_ADDOPTS":
        monkeypatch.setenv("PYTEST_ADDOPTS", words)
    given = words.split() if where == "command line" else []
    assert measured(project, *given, subprocess=True)["workload"]["examples_per_step"] == 8


SKIPPED_UNLESS_ASKED_FOR = """
def pytest_configure(config):
    config.addinivalue_line("markers", "speed: only when asked for")
    config.stash[CLOCK] = Clock()

def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("speed") and "speed" not in config.getoption("-m"):
            item.add_marker(pytest.mark.skip(reason="ask with -m speed"))
"""


def test_marker_and_keyword_expressions_reach_the_run(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SKIPPED_UNLESS_ASKED_FOR)
    project.benchmark(
        """
        import pytest

        @pytest.mark.speed
        def test_it(accel, step, request):
            assert request.config.getoption("keyword") == "it or that"
            accel.measure(step, examples_per_step=1)
        """
    )
    assert project.run("-m", "speed", "-k", "it or that").parseoutcomes() == {"no_baseline": 1}
    assert project.run().parseoutcomes() == {"skipped": 1}


def test_a_folder_for_temporary_files_is_shared_and_nothing_in_it_is_lost(project):
    project.benchmark(
        """
        import pathlib

        def test_before(tmp_path_factory):
            (tmp_path_factory.getbasetemp() / "precious.txt").write_text("of the session")

        def test_it(accel, step, tmp_path, tmp_path_factory):
            (tmp_path / "file.txt").write_text("of the run")
            pathlib.Path("where.txt").write_text(str(tmp_path_factory.getbasetemp()))
            accel.measure(step, examples_per_step=1)

        def test_after(tmp_path_factory):
            base = tmp_path_factory.getbasetemp()
            assert (base / "precious.txt").read_text() == "of the session"
            assert list(base.glob("run-*/*/file.txt"))
        """
    )
    result = project.run("--basetemp=scratch", subprocess=True)
    assert result.parseoutcomes() == {"passed": 2, "no_baseline": 1}
    where = Path((project.path / "where.txt").read_text())
    assert where.parent == project.path / "scratch"


SEEDS = """
import random

def pytest_addoption(parser):
    parser.addoption("--randomly-seed", dest="randomly_seed", default="default")

def pytest_configure(config):
    config.stash[CLOCK] = Clock()
    if config.option.randomly_seed == "default":
        config.option.randomly_seed = random.SystemRandom().randrange(2**31)
    with open("seeds.txt", "a") as file:
        file.write(f"{config.option.randomly_seed}\\n")
"""


def test_a_seed_that_a_plugin_of_the_session_chose_reaches_the_run(project):
    """As pytest-randomly chooses it."""
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SEEDS)
    project.run()
    here, *in_runs = (project.path / "seeds.txt").read_text().split()
    assert in_runs == [here]


def test_what_is_withheld_is_named_once_with_the_results(project):
    project.benchmark(
        """
        def test_one(accel, step):
            accel.measure(step, examples_per_step=1)

        def test_two(accel, step):
            accel.measure(step, examples_per_step=1)
        """
    )
    report = project.report("--junitxml=junit.xml", "-x")
    result = project.run("--junitxml=junit.xml", "-x")
    for benchmark in report["benchmarks"]:
        assert "not given to worker processes: --junitxml=junit.xml, -x" in "\n".join(benchmark["notes"])
    assert result.stdout.str().count("not given to worker processes") == 1


def test_what_a_program_gave_to_pytest_and_cannot_be_handed_over_is_named(project):
    (project.path / "run.py").write_text(
        """
import sys
import pytest

sys.path.append("/somewhere/of/mine")

class Plugin:
    pass

sys.exit(pytest.main(sys.argv[1:], plugins=[Plugin()]))
"""
    )
    stdout = start(project, sys.executable, "run.py")
    stdout.fnmatch_lines([
        "note * not handed over to worker processes: a plugin object (Plugin)*",
        "note * not handed over to worker processes: sys.path entries that the caller of pytest added: "
        "/somewhere/of/mine*",
    ])  # fmt: skip


HOOKS = """
def pytest_configure(config):
    config.stash[CLOCK] = Clock()
    with open("where.txt", "a") as file:
        file.write(f"{getattr(config, 'accel_run', None) is not None} {'PYTEST_ACCEL_RUN' in os.environ}\\n")
"""


def test_hooks_know_that_they_are_in_the_process_of_a_run(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(HOOKS)
    project.run()
    assert (project.path / "where.txt").read_text().splitlines() == ["False False", "True True"]


SHARDS = """
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    shard, total = map(int, os.environ["SHARD"].split("/"))
    kept = items[shard::total]
    for item in items:
        if item not in kept and os.environ.get("HOW") == "skip":
            item.add_marker(pytest.mark.skip(reason="of another shard"))
    if os.environ.get("HOW") != "skip":
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
"""


@pytest.mark.parametrize("how", ["deselect", "skip"])
def test_shards_by_number_are_the_sessions_choice(project, monkeypatch, how):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SHARDS)
    (project.path / "test_a.py").write_text("def test_first():\n    pass\n")
    project.benchmark(
        """
        def test_one(accel, step):
            accel.measure(step, examples_per_step=1)

        def test_two(accel, step):
            accel.measure(step, examples_per_step=2)
        """
    )
    monkeypatch.setenv("HOW", how)
    found = []
    for shard in ("0/2", "1/2"):
        monkeypatch.setenv("SHARD", shard)
        report = project.report()
        found += [one["nodeid"] for one in report["benchmarks"] if one["outcome"] == "no_baseline"]
    assert sorted(found) == ["test_it.py::test_one", "test_it.py::test_two"]


def test_a_dependency_is_checked_by_the_session(project):
    project.benchmark(
        """
        import pytest

        @pytest.mark.dependency
        def test_correct():
            pass

        @pytest.mark.dependency
        def test_wrong():
            assert False

        @pytest.mark.dependency(depends=["test_correct"])
        def test_speed(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.dependency(depends=["test_wrong"])
        def test_speed_of_what_is_wrong(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.dependency(depends=["test_speed"])
        def test_after():
            pass
        """
    )
    result = project.run("-p", "no:xdist")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "no_baseline": 1, "skipped": 1}


REPORTS = """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        report.remark = "made with " + item.funcargs["tmp_path"].name
        with open("reports.txt", "a") as file:
            file.write(f"{report.nodeid} {report.outcome}\\n")
    return report

def pytest_runtest_logreport(report):
    if report.when == "call":
        with open("logged.txt", "a") as file:
            file.write(f"{report.nodeid} {report.outcome} {getattr(report, 'remark', '-')}\\n")
"""


def test_hooks_that_make_reports_have_the_fixtures_of_a_benchmark(project):
    """And what they add to a report is there when the session logs it, once."""
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(REPORTS)
    project.benchmark(
        """
        def test_fails(accel, step, tmp_path):
            assert accel.measure(step, examples_per_step=1).throughput > 1e12

        def test_well(accel, step, tmp_path):
            accel.measure(step, examples_per_step=1)

        def test_plain(tmp_path):
            pass
        """
    )
    result = project.run()
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.fnmatch_lines(["E  *assert 4.0 > 1000000000000.0*"])
    assert result.parseoutcomes() == {"failed": 1, "no_baseline": 1, "passed": 1}
    expected = [
        "test_it.py::test_fails failed",
        "test_it.py::test_well passed",
        "test_it.py::test_plain passed",
    ]
    assert (project.path / "reports.txt").read_text().splitlines() == expected
    logged = (project.path / "logged.txt").read_text().splitlines()
    assert [line.split(" made")[0] for line in logged] == expected
    assert all("made with test_" in line for line in logged)


def test_a_hook_that_fails_at_a_verdict_fails_that_benchmark_only(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(REPORTS)
    project.benchmark(
        """
        def test_it(accel, step, tmp_path):
            accel.measure(step, examples_per_step=1)

        def test_plain(tmp_path):
            pass
        """
    )
    project.record()
    result = project.run(step_times_s=0.5)
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines([
        "regressed: step time is 100.0% longer*",
        "*hook that failed*",
        "the hook pytest_runtest_makereport of a conftest.py failed for this benchmark, whose fixtures are "
        "in the process of its run*",
        "*KeyError: 'tmp_path'*",
    ])  # fmt: skip


def test_a_hook_that_cannot_log_a_report_fails_that_benchmark_only(project):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            """
def pytest_runtest_logreport(report):
    if "test_step" in report.nodeid and report.when == "call":
        raise LookupError("no database")
"""
        )
    with (project.path / "test_it.py").open("a") as test:
        test.write("\n\ndef test_plain():\n    pass\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines(["the hook pytest_runtest_logreport *", "*LookupError: no database*"])


SUBTESTS = """
import unittest
import pytest

def test_it(accel, step, subtests):
    accel.measure(step, examples_per_step=1)
    with subtests.test("speed"):
        assert {speed}
    with subtests.test("memory of the device"):
        pytest.skip("a CPU has none")

class TestUnit(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _take(self, accel, step):
        self.accel, self.step = accel, step

    def test_it(self):
        self.accel.measure(self.step, examples_per_step=1)
        with self.subTest("speed"):
            assert {speed}
        with self.subTest("memory of the device"):
            self.skipTest("a CPU has none")
"""


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought subtests")
def test_a_subtest_that_skips_hides_no_verdict(project):
    project.benchmark(SUBTESTS.format(speed=True))
    project.record()
    result = project.run("-v", step_times_s=0.5)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*SUBSKIPPED*memory of the device*", "regressed  *", "regressed  *"])
    assert len(project.baseline_files) == 2


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought subtests")
def test_a_subtest_that_fails_fails_its_benchmark_and_nothing_is_recorded(project):
    project.benchmark(SUBTESTS.format(speed=False))
    result = project.run("--accel-update-baselines")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.baseline_files == []
    result.stdout.fnmatch_lines(["*contains 1 failed subtest*", "invalid *contains 1 failed subtest"])


WARNS = """
import warnings

def test_it(accel, step):
    def warn():
        warnings.warn("old_api goes away", DeprecationWarning)
        step()
    accel.measure(warn, examples_per_step=1)
"""


def test_warnings_of_runs_are_shown_once(project):
    project.benchmark(WARNS)
    result = project.run("--accel-runs=2")
    assert result.parseoutcomes() == {"no_baseline": 1, "warnings": 1}
    result.stdout.fnmatch_lines(
        ["test_it.py::test_it", "*test_it.py:5: DeprecationWarning: old_api goes away*"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_the_time_limit_of_pytest_timeout_ends_a_benchmark_in_one_sentence(project, method):
    project.pytester.makeini(f"[pytest]\ntimeout = 4\ntimeout_method = {method}\n")
    project.benchmark(
        """
        import time

        def test_it(accel):
            accel.measure(lambda: time.sleep(0.05), examples_per_step=1)

        def test_plain():
            pass
        """
    )
    result = project.run("--accel-budget=60", subprocess=True)
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    result.stdout.fnmatch_lines([
        "invalid: the benchmark took longer than the 4 s that pytest-timeout allows a test, and all its runs "
        "count: give it more with @pytest.mark.timeout(SECONDS), or let it do less with "
        "--accel-budget=SECONDS",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*pytest_accel/*.py*")


def test_a_folder_may_begin_with_an_at_sign(project):
    folder = project.path / "@scope" / "bench"
    folder.mkdir(parents=True)
    shutil.move(project.path / "test_it.py", folder / "test_it.py")
    assert project.run().parseoutcomes() == {"no_baseline": 1}


SET = """
import dataclasses
import pytest

@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    work: int

CONFIGS = {{Config("small", 1), Config("large", 2), Config("huge", 3)}}

@pytest.mark.parametrize("config", sorted(CONFIGS, key=lambda config: config.name) if {ordered} else CONFIGS)
def test_it(accel, step, config):
    accel.measure(step, examples_per_step=config.work)
"""


def test_a_name_that_stands_for_other_parameters_in_the_run_is_invalid(project, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    project.benchmark(SET.format(ordered=False))
    for _ in range(5):  # a set may come out in the same order twice
        benchmarks = project.report("--accel-update-baselines", subprocess=True)["benchmarks"]
        invalid = [one for one in benchmarks if one["outcome"] == "invalid"]
        if invalid:
            break
    assert "this name stands for other parameters (parameter config Config(name='" in invalid[0]["reason"]
    assert "give parametrize a list in a fixed order, not a set" in invalid[0]["reason"]


def test_parameters_in_a_fixed_order_are_the_same_in_every_process(project):
    project.benchmark(SET.format(ordered=True))
    project.record(subprocess=True)
    assert project.run(subprocess=True).parseoutcomes() == {"passed": 3}
