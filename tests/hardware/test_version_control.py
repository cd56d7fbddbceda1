"""Which code was measured: in real repositories, and where there is none."""

import subprocess

import pytest

from pytest_accel.hardware.version_control import project_state

CI = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Run Git in a new repository with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *identity, "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git.folder = folder
    git("init", "--initial-branch=main")
    (folder / "model.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "--message=first")
    return git


def test_a_clean_checkout(git):
    state = project_state(git.folder, {})
    assert (state.name, state.branch, state.has_changes) == ("project", "main", False)
    assert state.revision == git("rev-parse", "HEAD")
    assert state.provenance == {"branch": "main", "revision": state.revision[:12]}


def test_changes_of_tracked_files_are_seen_and_new_files_are_not(git):
    (git.folder / "report.json").write_text("{}")
    assert project_state(git.folder, {}).has_changes is False
    (git.folder / "model.py").write_text("x = 2\n")
    state = project_state(git.folder, {})
    assert state.has_changes is True
    assert state.provenance["revision"].endswith(" with changes")


@pytest.mark.parametrize(
    ("variables", "branch"),
    [({}, None), ({"GITHUB_HEAD_REF": "topic", "GITHUB_REF_NAME": "7/merge"}, "topic"),
     ({"CI_COMMIT_REF_NAME": "topic"}, "topic")],
)  # fmt: skip
def test_ci_checks_out_a_commit_and_names_the_branch(git, variables, branch):
    git("checkout", "--detach")
    assert project_state(git.folder, variables).branch == branch


def test_below_the_top_folder_it_is_the_same_revision(git):
    below = git.folder / "packages/one"
    below.mkdir(parents=True)
    assert project_state(below, {}).revision == project_state(git.folder, {}).revision


def test_without_a_commit_or_a_repository_nothing_is_known(tmp_path):
    for folder in (tmp_path / "plain", tmp_path / "empty"):
        folder.mkdir()
    subprocess.run(["git", "init", "--quiet", tmp_path / "empty"], check=True)
    for folder in (tmp_path / "plain", tmp_path / "empty"):
        state = project_state(folder, {"GITHUB_REF_NAME": "main"})
        assert (state.revision, state.branch, state.has_changes, state.provenance) == (None, None, None, {})
        assert state.time.endswith("+00:00")


def test_without_git_nothing_is_known(git, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert project_state(git.folder, {}).revision is None


def test_a_hook_of_another_repository_changes_nothing(git, tmp_path, monkeypatch):
    subprocess.run(["git", "init", "--quiet", tmp_path / "other"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    assert project_state(git.folder, {}).branch == "main"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        (CI, "https://github.example/a/b/actions/runs/7"),
        ({"CI_JOB_URL": "https://gitlab.example/1"}, "https://gitlab.example/1"),
        ({"BUILD_URL": "javascript:alert(1)"}, None),
        ({"GITHUB_RUN_ID": "7"}, None),
    ],
)
def test_the_page_of_the_ci_job(tmp_path, variables, url):
    assert project_state(tmp_path, variables).ci_url == url
