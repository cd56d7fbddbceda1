"""Which revision of a project is checked out, and which CI job measures it."""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records.project import ProjectState

TIMEOUT_S = 10.0
"""For each question to Git: a checkout on a slow disk must not hold a session up."""

BRANCH_VARIABLES = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "BUILDKITE_BRANCH",
    "BRANCH_NAME",
)
"""CI checks out commits, and says here of which branch. GitHub, GitLab, Buildkite, Jenkins."""

URL_VARIABLES = ("CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL")
"""The page of the job: GitLab, Buildkite, CircleCI, Jenkins."""


def project_state(folder: Path, variables: Mapping[str, str] = os.environ) -> ProjectState:
    """The state of the project in ``folder``. Never raises: what cannot be known is None."""
    revision = git(folder, "rev-parse", "--verify", "HEAD")
    branch = git(folder, "symbolic-ref", "--short", "--quiet", "HEAD") if revision else None
    given = (variables.get(name) for name in BRANCH_VARIABLES)
    return ProjectState(
        name=folder.name,
        time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        revision=revision,
        branch=branch or (next(filter(None, given), None) if revision else None),
        has_changes=_has_changes(folder) if revision else None,
        ci_url=_ci_url(variables),
    )


def _has_changes(folder: Path) -> bool | None:
    listed = git(folder, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty")
    return None if listed is None else bool(listed)


def _ci_url(variables: Mapping[str, str]) -> str | None:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if all(variables.get(name) for name in names):
        return "{}/{}/actions/runs/{}".format(*(variables[name] for name in names))
    urls = (variables.get(name, "") for name in URL_VARIABLES)
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)


def _own_variables() -> dict[str, str]:
    """Without those by which a hook of Git names another repository."""
    others = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
    return {name: value for name, value in os.environ.items() if name not in others}


def git(folder: Path, *arguments: str) -> str | None:
    """What Git answers, None where it has no answer or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape",
            timeout=TIMEOUT_S, check=False,
            # Reading must not write: a lock of the index would get into the way of others.
            env={**_own_variables(), "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
