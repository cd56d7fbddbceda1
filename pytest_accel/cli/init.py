"""``pytest-accel init``: write a first benchmark into a project, and what it needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_accel import hardware
from pytest_accel.analysis.formatting import one_line
from pytest_accel.cli import CommandResult
from pytest_accel.cli.project_facts import FRAMEWORKS, ProjectFacts, project_facts
from pytest_accel.cli.pytest_settings import (
    BASELINES,
    SettingsFile,
    setting_line,
    settings_file,
    with_setting,
)
from pytest_accel.records import files
from pytest_accel.records.user_error import UserError

BENCHMARK = Path("benchmarks", "test_training_speed.py")
WORKFLOW = Path(".github", "workflows", "training-speed.yml")
IGNORED = "/accel-report.*"
"""What the commands that ``init`` names write beside baselines, as .gitignore has it."""

ACTION, ACTION_REF = "pytest-accel/pytest-accel", "main"

COMPARED_WITH_BASE = """A pull request is compared with its base side by side, on one machine. On a machine of
    # your own with stored baselines, use `against: baseline`, which takes less time."""

COMPARED_WITH_BASELINES = """Compares with the baselines in the repository, so it needs a runner of the
    # type that they were recorded on. What pip can install can be compared with its base instead."""

NO_FRAMEWORK = "numpy"


@dataclass(frozen=True)
class Change:
    """A file that is to be written. ``added`` is what an existing file has more, None for a new file.

    ``keeps`` says why a file stays as it is; nothing is then written.
    """

    path: Path
    content: bytes = b""
    added: str | None = None
    keeps: str | None = None


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "init",
        parents=[shared],
        help="write a first benchmark into a project",
        description=f"Write {BENCHMARK} with a benchmark that runs as it is, in the framework that is "
        "installed here, and a setting for pytest. Run it in the top folder of your project. Nothing is "
        "overwritten.",
        epilog="examples:\n  pytest-accel init --dry-run\n  pytest-accel init --framework=jax --github",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--framework",
        choices=[*FRAMEWORKS, NO_FRAMEWORK],
        help="framework of the benchmark (default: what the project imports, else the first one installed)",
    )
    parser.add_argument(
        "--github", action="store_true", help=f"also write {WORKFLOW}, which checks pull requests"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be written, and write nothing"
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError for a file that cannot be read or written."""
    folder = _here()
    baselines = _checked(options.baselines.as_posix())
    facts = project_facts(folder)
    framework = options.framework or facts.framework or NO_FRAMEWORK
    settings = settings_file(folder)
    changes = [
        _benchmark(framework, facts),
        *_settings(folder, settings, baselines),
        *(_ignored() if facts.in_git else ()),
        *((_workflow(facts, framework),) if options.github else ()),
    ]
    if not options.dry_run:
        _write(changes)
    commands = _commands(baselines, is_set=settings is None or settings.path.parent == folder)
    found = list(_found(facts, settings, folder))
    wrote = changes[0].keeps is None
    hints = list(_hints(facts, framework, settings, folder, wrote=wrote, github=options.github))
    text = "\n".join(
        [
            *found,
            "",
            *(line for change in changes for line in _described(change, dry_run=options.dry_run)),
            "",
            *hints,
            *_next(commands),
        ]
    )
    data: dict[str, Any] = {
        "framework": framework,
        "dry_run": options.dry_run,
        "files": [
            {"path": change.path.as_posix(), "action": _action(change), "why": change.keeps}
            for change in changes
        ],
        "hints": hints,
        "commands": commands,
    }
    return CommandResult(text, data)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise UserError(f"cannot work in this folder: {error.strerror or error}") from None


def _checked(baselines: str) -> str:
    """The folder of the baselines, if every kind of settings file can spell it."""
    if not baselines.isprintable() or baselines != baselines.strip() or set(baselines) & set('"\\'):
        raise UserError(
            f"--baselines={baselines!r} cannot be written into pytest's settings: give a folder without "
            "quotes, line breaks and spaces at its ends"
        )
    return baselines


def _benchmark(framework: str, facts: ProjectFacts) -> Change:
    if _is_there(BENCHMARK):
        return Change(BENCHMARK, keeps="it exists")
    text = _template(f"{framework}.py")
    if facts.package:
        text = text.replace("with your own.", f"with those of {facts.package}.", 1)
    return Change(BENCHMARK, text.encode())


def _settings(folder: Path, settings: SettingsFile | None, baselines: str) -> Iterator[Change]:
    """Where baselines lie. The file fixes pytest's rootdir as well, from which tests are named."""
    if settings is None:
        place = folder / "pyproject.toml"
        if not place.is_file():
            yield Change(Path("pytest.ini"), f"[pytest]\n{BASELINES} = {baselines}\n".encode())
            return
        settings = SettingsFile(place, ("tool", "pytest", "ini_options"), {})
    if settings.path.parent != folder:
        yield Change(settings.path, keeps="it is above this folder")
    elif BASELINES in settings.values:
        yield Change(Path(settings.path.name), keeps=f"it has {BASELINES}")
    else:
        content = None if _is_shared(settings.path) else with_setting(settings, BASELINES, baselines)
        line = setting_line(settings.path, BASELINES, baselines)
        path = Path(settings.path.name)
        if content is None:
            yield Change(path, keeps=f"add this to its section {settings.heading} yourself: {line}")
        else:
            yield Change(path, content, added=f"{line} to {settings.heading} in")


def _ignored() -> Iterator[Change]:
    path = Path(".gitignore")
    if not _is_there(path):
        yield Change(path, f"{IGNORED}\n".encode())
        return
    if _is_shared(path):
        yield Change(path, keeps=f"it is a link; add this to it yourself: {IGNORED}")
        return
    try:
        old = files.read(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    if IGNORED.encode() in [line.strip() for line in old.splitlines()]:
        yield Change(path, keeps=f"it has {IGNORED}")
        return
    newline = b"\r\n" if b"\r\n" in old else b"\n"
    apart = b"" if not old or old.endswith(b"\n") else newline
    yield Change(path, old + apart + IGNORED.encode() + newline, added=f"{IGNORED} to")


def _workflow(facts: ProjectFacts, framework: str) -> Change:
    """Two versions of a project can be compared only where each can be installed."""
    if _is_there(WORKFLOW):
        return Change(WORKFLOW, keeps="it exists")
    install = "pip install ." if facts.installable else ""
    if facts.requirements:
        install = " && ".join(filter(None, ["pip install -r requirements.txt", install]))
    text = _template("training-speed.yml")
    for name, value in {
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "AGAINST": "base" if facts.installable else "baseline",
        "COMPARED": COMPARED_WITH_BASE if facts.installable else COMPARED_WITH_BASELINES,
        "INSTALL": install or f"pip install {_distribution(framework)}",
        "ACTION": ACTION,
        "REF": ACTION_REF,
    }.items():
        text = text.replace(name, value)
    return Change(WORKFLOW, text.encode())


def _distribution(framework: str) -> str:
    return {"tensorflow": "tensorflow-cpu"}.get(framework, framework)


def _write(changes: Sequence[Change]) -> None:
    written: list[str] = []
    for change in changes:
        if change.keeps is not None:
            continue
        try:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            if change.added is None:
                files.create(change.path, change.content)
            else:
                _change(change.path, change.content)
        except OSError as error:
            done = f"; already written: {', '.join(written)}" if written else "; nothing was written"
            raise UserError(f"cannot write {change.path}: {error.strerror or error}{done}") from None
        written.append(str(change.path))


def _change(path: Path, content: bytes) -> None:
    """Replace what a file holds. Its owner, and who may read it, stay as they are."""
    before = path.stat()
    files.replace(path, content)
    path.chmod(stat.S_IMODE(before.st_mode))
    with contextlib.suppress(OSError):
        os.chown(path, before.st_uid, before.st_gid)


def _is_shared(path: Path) -> bool:
    """Whether others know this file by another name: it would no longer be the same file."""
    return path.is_symlink() or path.stat().st_nlink > 1


def _found(facts: ProjectFacts, settings: SettingsFile | None, folder: Path) -> Iterator[str]:
    accelerator = hardware.accelerator(hardware.probe_kind())
    yield f"found  {one_line(accelerator.model)} ({accelerator.kind})"
    if facts.framework is not None:
        names = (facts.framework, *facts.other_frameworks)
        yield f"found  {', '.join(FRAMEWORKS[name] for name in names)}"
    if facts.package is not None:
        yield f"found  the package {facts.package}"
    if settings is not None:
        place = settings.path.name if settings.path.parent == folder else settings.path
        yield f"found  pytest settings in {place}"


def _hints(
    facts: ProjectFacts,
    framework: str,
    settings: SettingsFile | None,
    folder: Path,
    *,
    wrote: bool,
    github: bool,
) -> Iterator[str]:
    """``wrote`` is whether the benchmark is new, ``github`` whether the workflow was asked for."""
    if settings is not None and settings.path.parent != folder:
        yield (
            f"pytest's settings are in {settings.path.parent}: run pytest-accel init there, unless this "
            "folder is a project of its own."
        )
    if wrote:
        yield from _hints_on_framework(facts, framework)
    if settings is None or "testpaths" not in settings.values:
        yield (
            "Plain `pytest` also runs the benchmarks. To prevent that, set testpaths in pytest's settings to "
            "the folder of your other tests."
        )
    if facts.is_discovered_by_setuptools:
        yield (
            f"setuptools would take the folder baselines for a package beside {facts.package}, and refuse to "
            f'build. Add to pyproject.toml: [tool.setuptools.packages.find] include = ["{facts.package}*"]'
        )
    if github:
        yield f"Check the line `install` in {WORKFLOW}: it has to install the framework, too."
    elif facts.on_github:
        yield f"To check pull requests on GitHub: pytest-accel init --github writes {WORKFLOW}."


def _hints_on_framework(facts: ProjectFacts, framework: str) -> Iterator[str]:
    installed = [name for name in (facts.framework, *facts.other_frameworks) if name is not None]
    if framework in FRAMEWORKS and framework not in installed:
        yield f"{FRAMEWORKS[framework]} is not installed here, and {BENCHMARK} needs it."
    elif facts.missing_framework is not None and framework not in installed:
        yield (
            f"This project imports {FRAMEWORKS[facts.missing_framework]}, which is not installed here: "
            f"install pytest-accel beside it, remove {BENCHMARK}, and run pytest-accel init again."
        )
    elif not installed:
        yield f"No framework is installed here, so {BENCHMARK} uses NumPy."
    elif len(installed) > 1 and framework in FRAMEWORKS:
        others = " or ".join(f"--framework={name}" for name in installed if name != framework)
        yield f"The benchmark uses {FRAMEWORKS[framework]}. For another one: pytest-accel init {others}."


def _commands(baselines: str, *, is_set: bool) -> dict[str, str]:
    where = [] if is_set or baselines == "baselines" else [f"--accel-baselines={baselines}"]
    compare = ["pytest", BENCHMARK.as_posix(), *where]
    return {
        "record": shlex.join([*compare, "--accel-record-missing", "--accel-runs=3"]),
        "compare": shlex.join(compare),
    }


def _next(commands: dict[str, str]) -> Iterator[str]:
    yield f"Next, record a baseline and commit it:\n    {commands['record']}"
    yield f"Later sessions compare with it:\n    {commands['compare']}"


def _described(change: Change, *, dry_run: bool) -> Iterator[str]:
    action = _action(change)
    if action == "kept":
        yield f"kept   {change.path}: {change.keeps}"
        return
    done = ("would write", "would add") if dry_run else ("wrote ", "added ")
    if action == "added":
        yield f"{done[1]} {change.added} {change.path}"
        return
    yield f"{done[0]} {change.path}"
    if dry_run:
        yield from (f"    {line}".rstrip() for line in change.content.decode().splitlines())


def _action(change: Change) -> str:
    if change.keeps is not None:
        return "kept"
    return "written" if change.added is None else "added"


def _is_there(path: Path) -> bool:
    """Whether anything is, also a link that leads nowhere."""
    return path.is_symlink() or path.exists()


def _template(name: str) -> str:
    return (resources.files("pytest_accel.cli") / "templates" / name).read_text(encoding="utf-8")
