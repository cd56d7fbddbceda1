"""The tasks of a contributor: ``nox -s tests``; ``nox --list`` shows all.

Each session has an environment of its own, kept between calls with ``-r``.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"

PYTHONS = ["3.11", "3.12", "3.13"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The default selection of tests, which touches every feature."""
    session.install("--editable", ".[cpu,aot,test]")
    session.run("pytest", "-n", "2", "--dist", "loadfile", *session.posargs)


@nox.session(python=PYTHONS)
def core(session: nox.Session) -> None:
    """Everything that needs no framework and no browser."""
    session.install("--editable", ".[test-core]")
    session.run("pytest", "-n", "2", "--dist", "loadfile", "-m", "not slow", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """The rest of the tests: frameworks, the TPU's compiler, several hosts, a browser."""
    session.install("--editable", ".[cpu,aot,test]")
    session.run("playwright", "install", "chromium")
    session.run("pytest", "-n", "2", "--dist", "loadfile", "-m", "slow", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Coverage of the default selection, the processes of runs included."""
    session.install("--editable", ".[cpu,aot,test]", "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """What pre-commit runs on every file: ruff, mypy, codespell, file hygiene."""
    session.install("pre-commit")
    session.install("--editable", ".[cpu,aot,test]")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site; warnings are errors."""
    session.install("--editable", ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def studies(session: nox.Session) -> None:
    """Recompute the tables of docs/error-rates.md."""
    session.install("--editable", ".")
    session.run("python", "studies/detection/detection_study.py", "--write", "docs/error-rates.md")
