"""Which test a baseline belongs to: two packages with tests of the same names, and where names count from."""

from __future__ import annotations

import json
import textwrap

import pytest

STEP = """
def test_speed(accel, step):
    accel.measure(step, examples_per_step=32)
"""


@pytest.fixture
def monorepo(project):
    """Two packages, each with an ini file of its own, so that rootdir is the first that is named."""
    (project.path / "test_it.py").unlink()
    conftest = (project.path / "conftest.py").read_text()
    for name in ("pkg_a", "pkg_b"):
        folder = project.pytester.mkdir(name)
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
        (folder / "conftest.py").write_text(conftest)
        (folder / "bench").mkdir()
        (folder / "bench/test_speed.py").write_text(STEP)
    return project


def files_in(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.json"))


def outcomes(report):
    return {benchmark["nodeid"]: benchmark["outcome"] for benchmark in report["benchmarks"]}


A, B = "bench/test_speed.py::test_speed", "../pkg_b/bench/test_speed.py::test_speed"


def test_each_package_has_its_own_result_and_baseline(monorepo, monkeypatch):
    home = monorepo.path / "pkg_a"
    monkeypatch.chdir(home)
    monorepo.record("--accel-identity=pool")
    monkeypatch.chdir(monorepo.path)
    both = ("--accel-identity=pool", "pkg_a", "pkg_b")

    assert outcomes(monorepo.report(*both, step_times_s=0.25)) == {A: "passed", B: "no_baseline"}

    monorepo.record(*both, step_times_s="0.25 0.75")
    ours, other = files_in(home / "baselines/pool/python")
    assert other == "bench/test_speed.py/test_speed.json"
    assert ours.startswith("_~/pkg_b/bench/test_speed.py/test_speed~")
    assert not (monorepo.path / "pkg_b/baselines").exists()
    stored = {json.loads(file.read_text())["benchmark"] for file in (home / "baselines").rglob("*.json")}
    assert stored == {A, B}


def test_a_package_in_which_the_test_is_skipped_is_told_apart(monorepo):
    (monorepo.path / "pkg_b/bench/test_speed.py").write_text(
        f"import pytest\n@pytest.mark.skip('not here')\n{STEP.strip()}\n"
    )
    assert outcomes(monorepo.report("pkg_a", "pkg_b")) == {A: "no_baseline", B: "skipped"}


def test_a_shared_folder_of_baselines_has_each_test_once_wherever_it_is_called_from(monorepo, monkeypatch):
    shared = f"--accel-baselines={monorepo.path / 'baselines'}"
    for name in ("pkg_a", "pkg_b"):
        monkeypatch.chdir(monorepo.path / name)
        monorepo.record(shared, step_times_s=0.25 if name == "pkg_a" else 0.35)
    assert [file.relative_to(monorepo.path / "baselines").parts[2] for file in monorepo.baseline_files] == [
        "pkg_a",
        "pkg_b",
    ]
    monkeypatch.chdir(monorepo.path)
    # One run each, since a package's runs follow each other: the first of this session, then the second.
    report = monorepo.report(shared, "pkg_a", "--accel-in-process", step_times_s=0.25)
    assert set(outcomes(report).values()) == {"passed"}
    report = monorepo.report(shared, "pkg_b", "--accel-in-process", step_times_s=0.35)
    assert set(outcomes(report).values()) == {"passed"}


@pytest.fixture
def renamed(project, monkeypatch):
    """A package whose baselines lie beside it, stored by a version that named tests from rootdir."""
    folder = project.pytester.mkdir("pkg")
    (folder / "pytest.ini").write_text("[pytest]\naccel_baselines = ../baselines\n")
    for file in ("test_it.py", "conftest.py"):
        (project.path / file).rename(folder / file)
    monkeypatch.chdir(folder)
    project.record()
    now = project.baseline_file
    assert project.baseline()["benchmark"] == "pkg/test_it.py::test_step"
    before = now.parents[2] / "test_it.py/test_step.json"
    before.parent.mkdir()
    before.write_text(now.read_text().replace("pkg/test_it.py", "test_it.py"))
    now.unlink()
    return project


def test_a_baseline_of_a_former_name_is_read_and_updated_where_it_lies(renamed):
    before = renamed.baseline_file
    assert renamed.run().parseoutcomes() == {"passed": 1}
    renamed.record()
    assert renamed.baseline_file == before
    assert renamed.baseline()["benchmark"] == "test_it.py::test_step"
    assert len(renamed.baseline()["accepted"]) == 2


def test_a_former_name_that_is_another_tests_now_is_not_taken(renamed):
    (renamed.path / "test_it.py").write_text("def test_step(): pass\n")
    assert renamed.run().parseoutcomes() == {"no_baseline": 1}


def test_the_same_file_twice_is_no_clash(project):
    result = project.run("--keep-duplicates", "test_it.py", "test_it.py", "--accel-record-missing")
    assert result.ret == pytest.ExitCode.OK
    assert len(project.baseline_files) == 1


CLASH = """
import pytest

@pytest.mark.parametrize("data", ["b-c", "c"])
@pytest.mark.parametrize("model", ["a", "a-b"])
def test_step(accel, step, data, model):
    accel.measure(step, examples_per_step=32)
"""


def test_two_tests_of_one_name_are_an_error_that_names_both_and_the_way_out(project):
    project.benchmark(CLASH)
    result = project.run("--accel-record-missing")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = result.stderr.str()
    test = f"{project.path / 'test_it.py'}::test_step"
    assert "two benchmarks would share the baseline test_it.py/test_step[a-b-c].json: " in message
    assert f"{test}[a-b-c] (model='a', data='b-c') and {test}[a-b-c] (model='a-b', data='c'). " in message
    assert "Give them names or ids of parameters that differ" in message
    assert project.pids == []
    assert project.baseline_files == []


SIZES = """
import dataclasses

import pytest

@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    work: int

@pytest.mark.parametrize("config", [{}])
def test_step(accel, step, config):
    accel.measure(step, examples_per_step=32)
"""
SMALL, LARGE = "Config(name='small', work=5000)", "Config(name='large', work=50000)"


def with_config(config):
    return textwrap.dedent(SIZES).replace("{}", config)


def test_a_baseline_of_other_parameters_is_incomparable_until_it_is_accepted(project):
    project.benchmark(with_config(SMALL))
    project.record()
    assert project.baseline()["parameters"] == {"config": SMALL}
    assert project.run().parseoutcomes() == {"passed": 1}

    project.benchmark(with_config(LARGE))
    result = project.run()
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines([
        f"incomparable: the baseline is of other work (parameter config {SMALL} -> {LARGE}): accept them "
        "with --accel-update-baselines; if nobody changed them, let parametrize get a list in a fixed order "
        "and ids that say what they are"
    ])  # fmt: skip

    result = project.run("--accel-update-baselines")
    assert result.parseoutcomes() == {"recorded": 1}
    assert f"in place of one for other work (parameter config {SMALL} -> {LARGE})" in result.stdout.str()
    assert project.baseline()["parameters"] == {"config": LARGE}
    assert len(project.baseline()["accepted"]) == 1
    assert project.run().parseoutcomes() == {"passed": 1}


def test_a_file_that_does_not_know_its_parameters_is_compared_and_learns_them(project):
    project.benchmark(with_config(SMALL))
    project.record()
    project.edit_baseline(lambda stored: stored.pop("parameters"))
    assert project.run().parseoutcomes() == {"passed": 1}
    project.record()
    assert len(project.baseline()["accepted"]) == 2
    assert project.baseline()["parameters"] == {"config": SMALL}


def test_a_test_without_parameters_stores_none(project):
    project.record()
    assert "parameters" not in project.baseline()
