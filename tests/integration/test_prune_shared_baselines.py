"""``pytest-accel prune`` where packages share a folder of baselines: each removes only its own."""

from __future__ import annotations

import pytest
from support.prune import ONE, TWO, prune, untouched


@pytest.fixture
def packages(project, monkeypatch):
    """Two packages with tests of the same names, whose baselines lie in a folder that they share."""
    (project.path / "test_it.py").unlink()
    conftest = (project.path / "conftest.py").read_text()
    for name in ("pkg_a", "pkg_b"):
        folder = project.pytester.mkdir(name)
        (folder / "conftest.py").write_text(conftest)
        (folder / "pytest.ini").write_text("[pytest]\naccel_baselines = ../baselines\n")
        for test in ("test_it", "test_other"):
            (folder / f"{test}.py").write_text(TWO)
        monkeypatch.chdir(folder)
        project.record("--import-mode=importlib")
    return project


@pytest.mark.slow
def test_packages_that_share_a_folder_keep_theirs(packages):
    assert len(packages.baseline_files) == 8
    result = untouched(packages, "--baselines=../baselines")
    assert result.ret == 0
    result.stdout.fnmatch_lines([
        "nothing to remove",
        "2 stay: pkg_a/test_it.py was not collected here, so its tests are not known",
        "2 stay: pkg_a/test_other.py *",
    ])  # fmt: skip

    (packages.path / "pkg_a/test_it.py").unlink()
    (packages.path / "pkg_b/test_it.py").write_text(ONE)
    assert prune(packages, "--yes", "--baselines=../baselines").ret == 0
    left = {
        str(file.relative_to(packages.path).as_posix()).split("/python/")[1]
        for file in packages.baseline_files
    }
    assert left == {
        "pkg_a/test_it.py/test_step.json",
        "pkg_a/test_it.py/test_batch[1].json",
        "pkg_a/test_other.py/test_step.json",
        "pkg_a/test_other.py/test_batch[1].json",
        "pkg_b/test_it.py/test_batch[1].json",
        "pkg_b/test_other.py/test_step.json",
        "pkg_b/test_other.py/test_batch[1].json",
    }


@pytest.mark.slow
def test_files_that_bear_a_former_name_stay(packages):
    """Earlier versions named tests from rootdir, also where packages shared a folder."""
    (file,) = (file for file in packages.baseline_files if "pkg_b/test_it.py/test_step" in str(file))
    former = file.parents[2] / "test_it.py/test_step.json"
    former.parent.mkdir()
    former.write_text(file.read_text().replace("pkg_b/test_it.py", "test_it.py"))
    file.unlink()
    assert untouched(packages, "--baselines=../baselines").ret == 0

    (packages.path / "pkg_b/test_it.py").write_text(ONE)
    result = untouched(packages, "--baselines=../baselines")
    result.stdout.fnmatch_lines(["1 stay: test_it.py was not collected here, so its tests are not known"])
