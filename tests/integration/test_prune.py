"""``pytest-accel prune``: baselines of tests that no longer exist go, all others stay."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from support.prune import ONE, TWO, prune, untouched

from pytest_accel.baselines.paths import baseline_path


@pytest.fixture(scope="module")
def copy_of_baselines(tmp_path_factory):
    """Where the first test here leaves what it recorded, for all others."""
    return tmp_path_factory.mktemp("recorded") / "baselines"


@pytest.fixture
def recorded(project, copy_of_baselines):
    """Both tests on this CPU and in a pool; and one on a GPU, as a session there would have left it."""
    project.benchmark(TWO)
    folder = project.path / "baselines"
    if copy_of_baselines.exists():
        shutil.copytree(copy_of_baselines, folder)
        return project
    project.record()
    project.record("--accel-identity=pool")
    (here,) = (file for file in project.baseline_files if "cpu-" in str(file) and "test_batch" in file.name)
    framework = here.relative_to(folder).parts[1]
    gpu = folder / "gpu-x" / framework / "test_it.py/test_batch[8].json"
    gpu.parent.mkdir(parents=True)
    gpu.write_text(here.read_text().replace("test_batch[1]", "test_batch[8]"))
    shutil.copytree(folder, copy_of_baselines)
    return project


@pytest.mark.slow
def test_nothing_is_removed_while_all_tests_exist(recorded):
    files = recorded.baseline_files
    result = prune(recorded, "--yes")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["nothing to remove"])
    assert recorded.baseline_files == files


@pytest.mark.parametrize("folder", ["@team", "-k"])
def test_a_folder_whose_name_pytest_would_misread(recorded, folder):
    (recorded.path / folder).mkdir()
    (recorded.path / "test_it.py").rename(recorded.path / folder / "test_it.py")
    shutil.rmtree(recorded.path / "baselines")
    recorded.record()
    files = recorded.baseline_files
    assert prune(recorded, "--yes").ret == 0
    assert recorded.baseline_files == files
    (recorded.path / folder / "test_it.py").write_text(ONE)
    prune(recorded, "--yes")
    assert recorded.baseline_files == [file for file in files if "test_batch" in file.name]


@pytest.mark.parametrize(("folder", "kept"), [("a[1]", {"test_step"}), ("a::b", {"test_step", "test_gone"})])
def test_a_folder_for_which_pytest_cannot_be_asked(recorded, folder, kept):
    """It is collected with all others. A node id does not tell where ``a::b`` ends, so nothing is removed."""
    (step,) = (file for file in recorded.baseline_files if "cpu-" in str(file) and "test_step" in file.name)
    for test in ("test_step", "test_gone"):
        name = f"{folder}/test_in.py::{test}"
        copy = step.parents[1] / baseline_path(name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(step.read_text().replace("test_it.py::test_step", name))
    files = recorded.baseline_files
    (recorded.path / folder).mkdir()
    shutil.copy(recorded.path / "test_it.py", recorded.path / folder / "test_in.py")
    prune(recorded, "--yes")
    expected = [file for file in files if "test_gone" not in file.name or "test_gone" in kept]
    assert recorded.baseline_files == expected


def test_those_of_a_renamed_test_are_named_and_go_only_when_told(recorded):
    files = recorded.baseline_files
    recorded.benchmark(ONE)

    asked = prune(recorded)

    assert asked.ret == 1
    asked.stdout.fnmatch_lines([
        "test_it.py::test_step on cpu-*", "test_it.py::test_step on pool: *", "2 to be removed: add --yes",
    ])  # fmt: skip
    assert recorded.baseline_files == files
    assert prune(recorded, "--yes").ret == 0
    assert recorded.baseline_files == [file for file in files if file.name != "test_step.json"]


@pytest.mark.slow
def test_a_dry_run_names_them_and_removes_nothing(recorded):
    files = recorded.baseline_files
    recorded.benchmark(ONE)
    result = prune(recorded, "--yes", "--dry-run")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["test_it.py::test_step on cpu-*", "2 would be removed"])
    assert recorded.baseline_files == files


@pytest.mark.slow
def test_those_of_a_file_that_is_gone_go(recorded):
    recorded.pytester.makepyfile(test_other=TWO)
    recorded.record("test_other.py")
    (recorded.path / "test_it.py").unlink()
    assert prune(recorded, "--yes").ret == 0
    assert {file.parent.name for file in recorded.baseline_files} == {"test_other.py"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "skipped",
    [
        "import pytest\npytest.importorskip('no_such_framework')\n",
        "import pytest\npytest.skip('not here', allow_module_level=True)\n",
    ],
)
def test_a_file_that_skips_itself_here_keeps_its_baselines(recorded, skipped):
    recorded.benchmark(skipped + TWO)
    result = untouched(recorded)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["5 stay: test_it.py was not collected here, so its tests are not known"])


@pytest.mark.slow
@pytest.mark.parametrize("options", ["-q", "-qq", "-k nothing", "--rootdir=elsewhere"])
def test_options_from_the_environment_change_nothing(recorded, monkeypatch, options):
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    assert untouched(recorded).ret == 0


@pytest.mark.slow
def test_how_much_is_printed_changes_nothing(recorded):
    recorded.pytester.makeini("[pytest]\nverbosity_test_cases = 2\n")
    assert untouched(recorded).ret == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "-n 2 -q -q -k nothing --deselect=test_it.py --ignore=test_it.py",
        "-p no:accel --strict-markers --co",
        "-x --lf --lfnf=none --sw --collect-only -qq",
        "-p no:cacheprovider --strict-config -W error -p no:terminal --pdb",
    ],
)
def test_options_of_the_project_change_nothing(recorded, options):
    if "--lf" in options:  # what has failed before is all that the project's own sessions would collect
        recorded.pytester.makepyfile(test_broken="def test_broken(): assert 0")
        recorded.run("test_broken.py")
    recorded.benchmark(f"import pytest\npytestmark = pytest.mark.accel(tolerance='3%')\n{TWO}")
    recorded.pytester.makeini(f"[pytest]\naddopts = {options}\n")
    result = untouched(recorded)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["nothing to remove"])


@pytest.mark.slow
def test_what_coverage_has_measured_stays(recorded):
    recorded.pytester.makeconftest(
        (recorded.path / "conftest.py").read_text()
        + """
def pytest_sessionfinish():
    with open(os.environ.get("COVERAGE_FILE", ".coverage"), "w") as file:
        file.write("measured of nothing but collection")
"""
    )
    assert untouched(recorded).ret == 0
    assert not (recorded.path / ".coverage").exists()


def test_options_that_nobody_knows_are_said(recorded):
    recorded.pytester.makeini("[pytest]\naddopts = --option-of-a-plugin-that-is-not-here\n")
    result = untouched(recorded)
    assert result.ret == 2
    result.stderr.fnmatch_lines([
        "pytest-accel: the tests cannot be collected:", "*--option-of-a-plugin-that-is-not-here"
    ])  # fmt: skip


@pytest.mark.slow
def test_a_class_that_skips_itself_here_keeps_its_baselines(recorded):
    recorded.benchmark(
        TWO
        + """
class TestOther:
    def test_step(self, accel, step, size):
        accel.measure(step, examples_per_step=32)

def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        if SKIPS:
            pytest.skip("not here")
        metafunc.parametrize("size", [1])
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", [1] if accelerator_kind(metafunc.config) == "cpu" else [8])

SKIPS = False
"""
    )
    recorded.record()
    source = (recorded.path / "test_it.py").read_text()
    recorded.benchmark(source.replace("SKIPS = False", "SKIPS = True"))
    assert untouched(recorded).ret == 0


@pytest.mark.slow
def test_parameters_that_come_from_files_elsewhere_keep_their_baselines(recorded):
    recorded.benchmark(TWO.replace('[1] if accelerator_kind(metafunc.config) == "cpu" else [8]', "[]"))
    assert untouched(recorded).ret == 0


@pytest.mark.slow
def test_parameters_that_an_option_of_the_project_gives_are_known(recorded):
    recorded.pytester.makeini("[pytest]\naddopts = --batches=1,8\n")
    recorded.benchmark(
        TWO.replace(
            '[1] if accelerator_kind(metafunc.config) == "cpu" else [8]',
            'metafunc.config.getoption("batches").split(",")',
        )
    )
    conftest = (recorded.path / "conftest.py").read_text()
    recorded.pytester.makeconftest(
        conftest + "\ndef pytest_addoption(parser):\n    parser.addoption('--batches')\n"
    )
    assert untouched(recorded).ret == 0


@pytest.mark.slow
@pytest.mark.parametrize("source", ['[int(os.environ.get("BATCH", 2))]', "[2]"])
def test_other_parameters_stay_unless_they_are_asked_for(recorded, source):
    """Nobody can tell a value that was deleted from one that depends on the machine that ran the test."""
    recorded.benchmark(
        "import os\n" + TWO.replace('[1] if accelerator_kind(metafunc.config) == "cpu" else [8]', source)
    )
    result = untouched(recorded)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["3 stay: test_it.py has their tests with other parameters*--parameters*"])
    assert prune(recorded, "--yes", "--parameters").ret == 0
    assert {file.name for file in recorded.baseline_files} == {"test_step.json"}


@pytest.mark.slow
def test_a_test_that_a_condition_hides_here_stays(recorded):
    recorded.benchmark(
        TWO.replace("def test_step(", "if False:\n  def test_step(").replace("examples", "  examples")
    )
    result = untouched(recorded)
    result.stdout.fnmatch_lines(["2 stay: test_it.py still has the names of their tests*"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("shared", "from shared import *\n"),
        ("shared", "globals()['made'] = 1\n"),
    ],
)
def test_tests_that_the_text_does_not_name_stay(recorded, module, source):
    recorded.pytester.makepyfile(**{module: "if False:\n    def test_step(accel, step): pass\n"})
    recorded.benchmark(source + ONE)
    result = untouched(recorded)
    result.stdout.fnmatch_lines(["2 stay: test_it.py has tests that its text does not name*"])


@pytest.mark.slow
def test_files_that_may_be_of_another_project_stay(recorded):
    """Baselines that lie apart from a project do not say whose tests they are of."""
    recorded.pytester.makepyfile(test_other=TWO)
    recorded.record("test_other.py")
    (recorded.path / "test_it.py").unlink()
    apart = recorded.path.with_name(f"{recorded.path.name}-apart") / "baselines"
    apart.parent.mkdir()
    (recorded.path / "baselines").rename(apart)
    result = prune(recorded, "--yes", f"--baselines={apart}")
    result.stdout.fnmatch_lines(["5 stay: these baselines lie outside of this project*"])
    assert len(list(apart.rglob("*.json"))) == 7


@pytest.mark.slow
def test_files_that_git_has_and_did_not_check_out_stay(recorded):
    recorded.pytester.makepyfile(test_other=TWO)
    recorded.record("test_other.py")
    git = ["git", "-C", str(recorded.path)]
    for command in (
        ["init", "--quiet"],
        ["add", "test_it.py"],
        ["update-index", "--skip-worktree", "test_it.py"],
    ):
        subprocess.run([*git, *command], check=True)
    (recorded.path / "test_it.py").unlink()
    result = untouched(recorded)
    result.stdout.fnmatch_lines(["5 stay: test_it.py is known to Git, though it is not checked out"])


@pytest.mark.slow
def test_links_are_not_followed(recorded):
    """A folder that several checkouts share is not this checkout's to clean."""
    elsewhere = recorded.path / "elsewhere"
    (recorded.path / "baselines/pool").rename(elsewhere)
    (recorded.path / "baselines/pool").symlink_to(elsewhere)
    recorded.benchmark(ONE)
    result = prune(recorded, "--yes")
    result.stdout.fnmatch_lines(
        ["1 removed", "1 stay: baselines/pool leads elsewhere, and links are not followed"]
    )
    assert len(list(elsewhere.rglob("*.json"))) == 2


@pytest.mark.slow
def test_a_folder_with_colons_in_its_name_is_found(project, monkeypatch):
    """pytest takes no such folder as an argument, but files in it."""
    folder = project.pytester.mkdir("new::old")
    (folder / "conftest.py").write_text((project.path / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\naccel_baselines = ../baselines\n")
    (folder / "test_it.py").write_text(TWO)
    (project.path / "test_it.py").unlink()
    monkeypatch.chdir(folder)
    project.record("test_it.py")
    assert len(project.baseline_files) == 2
    assert untouched(project, "--baselines=../baselines").ret == 0
    (folder / "test_it.py").write_text(ONE)
    assert prune(project, "--yes", "--baselines=../baselines").ret == 0
    assert len(project.baseline_files) == 1


@pytest.mark.slow
@pytest.mark.parametrize("there", ["empty", "inside"])
def test_in_another_folder_it_is_refused(recorded, monkeypatch, there):
    folder = recorded.pytester.mkdir(there)
    if there == "inside":
        recorded.pytester.makeini("[pytest]\n")
        (folder / "test_it.py").write_text(TWO)
    monkeypatch.chdir(folder)
    result = untouched(recorded, "--baselines=../baselines")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["pytest-accel: n* rootdir*"])


@pytest.mark.slow
def test_files_that_cannot_be_read_are_said(recorded):
    recorded.baseline_files[0].write_text("{")
    result = untouched(recorded)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["broken  *"])


@pytest.mark.slow
def test_programs_are_not_asked(recorded):
    recorded.benchmark(ONE)
    result = prune(recorded, "--json")
    assert result.ret == 1
    answer = json.loads(result.stdout.str())
    assert answer["removed"] is False
    assert len(answer["gone"]) == 2


def test_tests_that_cannot_be_collected_cost_no_baseline(recorded):
    files = recorded.baseline_files
    recorded.benchmark("import nothing_of_that_name")
    result = prune(recorded, "--yes")
    assert result.ret == 2
    error = result.stderr.str()
    assert error.startswith("pytest-accel: the tests cannot be collected:")
    assert "nothing_of_that_name" in error
    assert recorded.baseline_files == files
