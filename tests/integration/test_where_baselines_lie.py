"""--accel-baselines and --accel-identity: which folder is read and written, and what is wrong with one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest


def test_a_relative_folder_counts_from_rootdir_whatever_the_working_directory(project, monkeypatch):
    project.pytester.makeini("[pytest]")
    elsewhere = project.pytester.mkdir("elsewhere")
    monkeypatch.chdir(elsewhere)
    arguments = [project.path / "test_it.py", "--accel-baselines=kept/here", "--accel-identity=ci-pool"]
    assert project.run(*arguments, "--accel-record-missing").parseoutcomes() == {"recorded": 1}
    assert (project.path / "kept/here/ci-pool/python/test_it.py/test_step.json").is_file()
    assert not list(elsewhere.rglob("*.json"))
    assert project.run(*arguments).parseoutcomes() == {"passed": 1}


@pytest.mark.parametrize("folder", ["baselines", "benchmarks/baselines"])
def test_baselines_in_rootdir_have_names_that_count_from_there(project, folder):
    project.pytester.mkdir("benchmarks")
    (project.path / "test_it.py").rename(project.path / "benchmarks/test_it.py")
    project.run(
        "--rootdir=.", f"--accel-baselines={folder}", "--accel-identity=pool", "--accel-record-missing"
    )
    file = project.path / folder / "pool/python/benchmarks/test_it.py/test_step.json"
    assert json.loads(file.read_text())["benchmark"] == "benchmarks/test_it.py::test_step"


def test_an_absolute_folder_is_taken_as_it_is(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    result = project.run(f"--accel-baselines={folder}", "--accel-update-baselines")
    assert result.parseoutcomes() == {"recorded": 1}
    assert len(list(folder.rglob("test_step.json"))) == 1
    assert not project.baseline_files


def test_each_identity_has_its_own_baselines(project):
    project.record("--accel-identity=ci-pool")
    assert project.run("--accel-identity=ci-pool").parseoutcomes() == {"passed": 1}
    result = project.run()
    assert result.parseoutcomes() == {"no_baseline": 1}
    identity = project.report()["accelerator"]["identity"]
    result.stdout.fnmatch_lines([
        f"accel: cpu, *[[]baselines: {identity}[]]",
        f"no_baseline  test_it.py::test_step: nothing is stored for {identity}, but for ci-pool: *",
    ])  # fmt: skip


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "x y", "a\\b", "ä", "x" * 101, "published", "-x"])
def test_a_name_that_cannot_be_a_folder_is_a_usage_error(project, name):
    result = project.run(f"--accel-identity={name}", "--accel-update-baselines")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = result.stderr.str()
    assert f"--accel-identity={name!r}" in message or f"--accel-identity={name} " in message
    assert "for example --accel-identity=ci-pool" in message
    assert not (project.path / "baselines").exists()


@pytest.mark.parametrize("option", ["--accel-identity=", "--accel-baselines=", "--accel-json="])
def test_an_empty_name_is_a_usage_error(project, option):
    result = project.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*error: argument {option.rstrip('=')}: must not be empty"])


@pytest.mark.parametrize("arguments", [[], ["--accel-update-baselines"]])
def test_a_file_in_place_of_the_folder_is_a_usage_error(project, arguments):
    file = project.path / "baselines"
    file.write_text("precious")
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"ERROR: cannot read baselines in {file}: Not a directory. A file is where a folder should be, "
        "or the reverse: move it away, or name another folder with --accel-baselines=DIR."
    ])  # fmt: skip
    assert project.pids == []
    assert file.read_text() == "precious"


def test_a_folder_that_cannot_be_read_is_a_usage_error(project):
    (project.path / "baselines").symlink_to("baselines")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"ERROR: cannot read baselines in {project.path / 'baselines'}: Too many levels of symbolic links. "
        "Repair that, or name another folder with --accel-baselines=DIR."
    ])  # fmt: skip
    assert project.pids == []


@pytest.fixture
def read_only_baselines(project):
    """Baselines that this user cannot write. Rights do not bind root, a read-only file system does."""
    project.record()
    folder = project.path / "baselines"
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    if not shutil.which("mount") or subprocess.run(["mount", "--bind", folder, folder]).returncode:
        pytest.skip("this root may not mount a file system")
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("action", ["--accel-update-baselines", "--accel-record-missing"])
def test_a_read_only_folder_refuses_to_record_and_still_compares(project, read_only_baselines, action):
    before = project.baseline_file.read_bytes()
    result = project.run(action)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"ERROR: cannot write baselines to {read_only_baselines}: *. "
        "Give this user the right, or name another folder with --accel-baselines=DIR."
    ])  # fmt: skip
    assert project.pids == []
    assert project.baseline_file.read_bytes() == before
    assert project.run().parseoutcomes() == {"passed": 1}


def test_awkward_test_names_record_and_compare_inside_the_folder(project):
    project.benchmark("""
        import pytest

        NAMES = ["a/b\\\\c", "../../../escape", "", "x" * 300, "line\\nbreak", "größe-量"]

        @pytest.mark.parametrize("name", NAMES, ids=NAMES)
        def test_name(accel, step, name):
            accel.measure(step, examples_per_step=32)

        class TestA:
            def test_same(self, accel, step):
                accel.measure(step, examples_per_step=32)

        class TestB:
            def test_same(self, accel, step):
                accel.measure(step, examples_per_step=32)
        """)
    before = set(project.path.rglob("*"))
    assert project.run("--accel-update-baselines").parseoutcomes() == {"recorded": 8}
    assert len(project.baseline_files) == 8
    assert project.run("--accel-in-process").parseoutcomes() == {"passed": 8}
    made = {path for path in set(project.path.rglob("*")) - before if path.suffix == ".json"}
    assert made == set(project.baseline_files)
    assert not (project.path.parent / "escape").exists()
