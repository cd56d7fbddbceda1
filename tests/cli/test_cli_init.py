"""``pytest-accel init``: what it writes into projects of all kinds, and that what it writes runs."""

import errno
import json
import os
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.cli import main, project_facts
from pytest_accel.cli.pytest_settings import SettingsFile, settings_file, with_setting

BENCHMARK = "benchmarks/test_training_speed.py"
WORKFLOW = ".github/workflows/training-speed.yml"


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    """A project with these files. Return what runs ``init`` in it: the exit code, and what was printed."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def project(files=None, *arguments):
        for name, text in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        code = main.main(["init", *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    project.folder = folder
    return project


@pytest.fixture
def installed(monkeypatch):
    """Say which frameworks seem to be installed."""

    def installed(*names):
        monkeypatch.setattr(project_facts, "_is_installed", lambda name: name in names)

    return installed


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_empty_folder_gets_a_benchmark_and_settings(project, installed):
    installed("tensorflow")
    code, printed = project()
    assert code == 0
    assert set(contents(project.folder)) == {BENCHMARK, "pytest.ini"}
    assert "import tensorflow" in (project.folder / BENCHMARK).read_text()
    assert f"pytest {BENCHMARK} --accel-record-missing --accel-runs=3" in printed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            '# Ours.\n[project]\nname = "x"\n\n[tool.pytest.ini_options] # tests\naddopts = "-q"\n',
        ),
        ("pyproject.toml", '[tool.pytest]\naddopts = ["-q"]\n[tool.ruff]\nline-length = 90\n'),
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools"]'),
        ("setup.cfg", "[metadata]\nname = x\n\n[tool:pytest]\naddopts = -q\n# the end\n"),
        ("pytest.ini", "[pytest]\r\naddopts = -q\r\n"),
        ("pytest.ini", ""),
        ("pytest.ini", "[pytest]"),
        ("tox.ini", "[tox]\nenvlist = py\n[pytest]\nmarkers =\n    slow: takes long\n    fast: does not\n"),
        ("pytest.toml", '[pytest]\naddopts = ["-q"]\n'),
    ],
)
def test_settings_are_added_and_nothing_else_changes(project, installed, name, text):
    installed("jax")
    code, printed = project({name: text})
    after = (project.folder / name).read_bytes().decode()
    assert code == 0
    assert f" in {name}" in printed
    added = [line for line in after.splitlines() if line not in text.splitlines()]
    assert next(line for line in added if line and line[0] != "[").startswith("accel_baselines = ")
    assert len([line for line in added if line]) <= 2
    assert [line for line in text.splitlines() if line not in after.splitlines()] == []
    assert settings_file(project.folder).values["accel_baselines"] == "baselines"
    assert project() == (0, project()[1])
    assert (project.folder / name).read_bytes().decode() == after


@pytest.mark.parametrize(
    "text",
    ['[tool]\npytest = {ini_options = {addopts = "-q"}}\n', '[tool.pytest]\nini_options.addopts = "-q"\n'],
)
def test_settings_in_a_spelling_that_is_not_understood_are_left_alone(project, installed, text):
    installed("jax")
    code, printed = project({"pyproject.toml": text})
    assert code == 0
    assert (project.folder / "pyproject.toml").read_text() == text
    assert (
        'add this to its section [tool.pytest.ini_options] yourself: accel_baselines = "baselines"' in printed
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options\n"),
        ("pytest.ini", "addopts = -q\n"),
        ("tox.ini", "\udcff"),
    ],
)
def test_a_file_that_pytest_cannot_read_is_named_and_nothing_is_written(project, installed, name, text):
    installed("jax")
    (project.folder / name).write_bytes(text.encode(errors="surrogateescape"))
    before = contents(project.folder)
    code, printed = project()
    assert code == 2
    assert f"cannot read {project.folder / name}" in printed
    assert contents(project.folder) == before


def test_settings_of_a_folder_above_are_left_alone(project, installed):
    installed("jax")
    (project.folder.parent / "pytest.ini").write_text("[pytest]\n")
    code, printed = project()
    assert code == 0
    assert set(contents(project.folder)) == {BENCHMARK}
    assert f"kept   {project.folder.parent / 'pytest.ini'}: it is above this folder" in printed


def test_what_is_there_is_never_overwritten(project, installed):
    installed("jax")
    mine = {BENCHMARK: "mine\n", WORKFLOW: "mine\n", "pytest.ini": "[pytest]\naccel_baselines = elsewhere\n"}
    code, printed = project({**mine, ".git/HEAD": "", ".gitignore": "/accel-report.*\n"}, "--github")
    assert code == 0
    assert {name: (project.folder / name).read_text() for name in mine} == mine
    assert (project.folder / ".gitignore").read_text() == "/accel-report.*\n"
    assert printed.count("kept   ") == 4


def test_a_link_that_leads_nowhere_is_not_followed(project, installed):
    installed("jax")
    target = project.folder.parent / "elsewhere.py"
    (project.folder / "benchmarks").mkdir()
    (project.folder / BENCHMARK).symlink_to(target)
    code, printed = project()
    assert code == 0
    assert f"kept   {BENCHMARK}: it exists" in printed
    assert not target.exists()


@pytest.mark.parametrize("name", ["pyproject.toml", ".gitignore"])
@pytest.mark.parametrize("link", ["soft", "hard"])
def test_a_file_that_others_share_is_left_to_them(project, installed, name, link):
    installed("jax")
    shared = project.folder.parent / "shared"
    shared.write_text("[tool.pytest.ini_options]\n" if name == "pyproject.toml" else "*.pyc\n")
    before = shared.read_bytes()
    (project.folder / name).symlink_to(shared) if link == "soft" else (project.folder / name).hardlink_to(
        shared
    )
    code, printed = project({".git/HEAD": ""})
    assert code == 0
    assert f"kept   {name}: " in printed
    assert shared.read_bytes() == before
    assert (project.folder / name).samefile(shared)


def test_who_may_read_a_file_stays_as_it_is(project, installed):
    installed("jax")
    path = project.folder / "pyproject.toml"
    path.write_text("[tool.pytest.ini_options]\n")
    path.chmod(0o600)
    project()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "accel_baselines" in path.read_text()


def test_a_full_disk_leaves_no_empty_benchmark(project, installed, monkeypatch):
    installed("jax")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", fail)
        code, printed = project()
    assert code == 2
    assert f"cannot write {BENCHMARK}: No space left on device; nothing was written" in printed
    assert contents(project.folder) == {}


@pytest.mark.parametrize("baselines", ["a\nb", " a", 'a"b', "a\u2028b"])
def test_a_folder_that_settings_cannot_spell_is_refused(project, installed, baselines):
    installed("jax")
    code, printed = project({}, f"--baselines={baselines}")
    assert code == 2
    assert "cannot be written into pytest's settings" in printed
    assert contents(project.folder) == {}


def test_another_folder_of_baselines_is_set_or_named_in_the_commands(project, installed):
    installed("jax")
    _, printed = project({}, "--baselines=perf/of this")
    assert settings_file(project.folder).values["accel_baselines"] == "perf/of this"
    assert "--accel-baselines" not in printed
    (project.folder / "pytest.ini").rename(project.folder.parent / "pytest.ini")
    _, printed = project({}, "--baselines=perf/of this")
    assert f"pytest {BENCHMARK} '--accel-baselines=perf/of this'" in printed


def test_numpy_by_choice_is_no_lack_of_a_framework(project, installed):
    installed("tensorflow")
    _, printed = project({}, "--framework=numpy")
    assert "No framework" not in printed


@pytest.mark.parametrize(
    ("settings", "is_said"),
    [("", True), ("[tool.setuptools.packages.find]\ninclude = ['mine*']\n", False),
     ("[build-system]\nbuild-backend = 'hatchling.build'\n", False)],
)  # fmt: skip
def test_baselines_are_no_package_of_a_flat_layout(project, installed, settings, is_said):
    """setuptools refuses to guess which of two top-level folders is the package."""
    installed("jax")
    text = f"[project]\nname = 'mine'\nversion = '1'\n{settings}"
    _, printed = project({"mine/__init__.py": "", "pyproject.toml": text})
    assert ('[tool.setuptools.packages.find] include = ["mine*"]' in printed) == is_said


def test_benchmarks_of_its_own_stay(project, installed):
    installed("torch")
    project({"benchmarks/conftest.py": "x = 1\n", "benchmarks/test_mine.py": "def test(): pass\n"})
    assert (project.folder / "benchmarks/conftest.py").read_text() == "x = 1\n"
    assert "import torch" in (project.folder / BENCHMARK).read_text()


def test_a_file_in_the_place_of_the_folder_is_named(project, installed):
    installed("jax")
    code, printed = project({"benchmarks": "not a folder"})
    assert code == 2
    assert f"cannot write {BENCHMARK}" in printed
    assert "nothing was written" in printed
    assert set(contents(project.folder)) == {"benchmarks"}


@pytest.mark.parametrize(("before", "after"), [
    (None, "/accel-report.*\n"),
    ("*.pyc", "*.pyc\n/accel-report.*\n"),
    ("*.pyc\r\n", "*.pyc\r\n/accel-report.*\r\n"),
])  # fmt: skip
def test_reports_are_ignored_by_git(project, installed, before, after):
    installed("jax")
    project({".git/HEAD": "", **({} if before is None else {".gitignore": before})})
    assert (project.folder / ".gitignore").read_bytes().decode() == after


def test_a_dry_run_prints_and_writes_nothing(project, installed):
    installed("jax")
    code, printed = project({"setup.cfg": "[tool:pytest]\n"}, "--dry-run", "--github")
    assert code == 0
    assert contents(project.folder) == {"setup.cfg": b"[tool:pytest]\n"}
    assert "def test_training_step(accel: Accel)" in printed
    assert "accel_baselines = baselines" in printed
    assert "persist-credentials: false" in printed


def test_the_framework_is_what_the_project_imports(project, installed):
    installed("tensorflow", "jax")
    code, printed = project(
        {
            "src/mine/__init__.py": "",
            "src/mine/model.py": "import flax.linen as nn\n",
            "src/mine/broken.py": "import (\n",
            "env/pyvenv.cfg": "",
            "env/lib/a.py": "import tensorflow\n",
            "env/lib/b.py": "import tensorflow\n",
        }
    )
    text = (project.folder / BENCHMARK).read_text()
    assert code == 0
    assert "import jax" in text
    assert "with those of mine" in text
    assert "--framework=tensorflow" in printed


def test_another_framework_can_be_chosen(project, installed):
    installed("tensorflow", "jax")
    project({}, "--framework=torch")
    assert "import torch" in (project.folder / BENCHMARK).read_text()


def test_a_framework_that_is_not_installed_is_said(project, installed):
    installed()
    _, printed = project({"train.py": "import torch\n"})
    assert "This project imports PyTorch, which is not installed here" in printed
    assert "import numpy" in (project.folder / BENCHMARK).read_text()


@pytest.mark.parametrize(
    ("files", "against", "install"),
    [
        ({"pyproject.toml": "[project] # ours\nname = 'x'\n"}, "base", "pip install ."),
        ({"setup.cfg": "[flake8]\n"}, "baseline", "pip install jax"),
        (
            {"setup.py": "", "requirements.txt": "jax\n"},
            "base",
            "pip install -r requirements.txt && pip install .",
        ),
        ({"requirements.txt": "jax\n"}, "baseline", "pip install -r requirements.txt"),
        ({}, "baseline", "pip install jax"),
    ],
)
def test_the_workflow_compares_versions_where_each_can_be_installed(
    project, installed, files, against, install
):
    yaml = pytest.importorskip("yaml")
    installed("jax")
    project(files, "--github")
    workflow = yaml.safe_load((project.folder / WORKFLOW).read_text())
    gate, comment = workflow["jobs"]["gate"], workflow["jobs"]["comment"]
    given = gate["steps"][-1]["with"]
    assert (given["against"], given["install"]) == (against, install)
    assert "permissions" not in gate
    assert workflow["permissions"] == {"contents": "read"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert [step.get("run") for step in comment["steps"]] == [None]


def test_json_has_what_was_done_and_what_comes_next(project, installed):
    installed("jax")
    code, printed = project({"pytest.ini": "[pytest]\n"}, "--json")
    data = json.loads(printed)
    assert code == 0
    assert data["framework"] == "jax"
    assert [(one["path"], one["action"]) for one in data["files"]] == [
        (BENCHMARK, "written"),
        ("pytest.ini", "added"),
    ]
    assert data["commands"]["compare"] == f"pytest {BENCHMARK}"


@given(st.text("[]tool.pyestini_options = \"'\n#ab1,{}", max_size=60))
def test_a_settings_file_of_any_text_keeps_its_settings(tmp_path_factory, text):
    """With the setting it holds what it held before and the setting, or it is not touched."""
    path = tmp_path_factory.mktemp("any") / "pyproject.toml"
    path.write_bytes(text.encode())
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    content = with_setting(SettingsFile(path, ("tool", "pytest", "ini_options"), {}), "accel_x", "y")
    if content is not None:
        after = tomllib.loads(content.decode())
        assert after["tool"]["pytest"]["ini_options"].pop("accel_x") == "y"
        for table, names in (
            (after["tool"]["pytest"], "ini_options"),
            (after["tool"], "pytest"),
            (after, "tool"),
        ):
            if not table[names] and names not in str(before):
                del table[names]
        assert after == before


FRAMEWORKS = [
    "numpy",
    pytest.param("tensorflow", marks=pytest.mark.tensorflow),
    pytest.param("jax", marks=pytest.mark.jax),
    "torch",
]


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_written_runs_as_it_is(project, framework, monkeypatch):
    pytest.importorskip(framework)
    monkeypatch.delenv("CI", raising=False)
    project({}, f"--framework={framework}")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "benchmarks",
        "--accel=cpu",
        "--accel-budget=1",
        "--accel-wait=0",
    ]
    done = subprocess.run([*command, "-v"], cwd=project.folder, capture_output=True, text=True, check=False)
    assert "test_training_step NO_BASELINE" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
