"""What an environment is, and which code of the user's it runs: asked of both sides of a comparison.

All of it runs in a child, with the standard library only. What needs much memory is asked of a process of its
own, before the first run: to free a large piece would change how long a step takes (see ``bootstrap``).
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of these names hold what is installed."""

CODE = (".py", ".so", ".pyd")

OF_A_PROCESS = re.compile(r"PYTEST_.*|COV_CORE_.*|_|PWD|OLDPWD|SHLVL|COLUMNS|LINES")
"""Variables that differ between any two processes, or say nothing about the program."""

GENERATED = "__autograph_generated_file"
"""TensorFlow writes what it makes of a function into a module of a random name."""

Files = Mapping[str, Mapping[str, str]]
"""Files of code by package and relative path, each with a digest of its contents."""


@dataclass(frozen=True)
class Surroundings:
    """An environment: the folder of its Python, its version, installed packages, variables.

    ``variables`` has digests, never values. ``code`` has the files of packages that are not known by their
    version alone: installed from a folder or by hand; of all others one digest, under the path "".
    """

    prefix: str
    python: str
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    code: Mapping[str, Mapping[str, str]]


def surroundings() -> Surroundings:
    """Those of this process."""
    variables = {
        name: _digest(value.encode("utf-8", "surrogateescape"))
        for name, value in os.environ.items()
        if not OF_A_PROCESS.fullmatch(name)
    }
    packages: dict[str, str] = {}
    code: dict[str, Mapping[str, str]] = {}
    known: set[Path] = set()
    for distribution in metadata.distributions():
        name = normalized(distribution.metadata["Name"] or "")
        if name and name not in packages:  # what an interrupted installation left has none
            packages[name] = distribution.version
            known |= _top_level(distribution)
            if name != "pytest-accel":  # which is brought along
                code[name] = _recorded(distribution)
    for folder in map(Path, sys.path):
        if not INSTALLED.isdisjoint(folder.parts) and folder.is_dir():
            for top in sorted(folder.iterdir()):
                if top not in known and not top.name.startswith((".", "_")):
                    files = dict(_by_hand(top))
                    if files:
                        code.setdefault(top.stem, files)
    return Surroundings(os.path.realpath(sys.prefix), sys.version, packages, variables, code)


def normalized(name: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_files(python_files: Sequence[str]) -> dict[str, list[str]]:
    """Real paths of the files of loaded modules that are not installed, by top-level package.

    Without tests, which are the same on both sides: ``conftest.py`` and what is called like ``python_files``.
    """
    found: dict[str, set[str]] = {}
    for name, file in _loaded():
        is_test = file.name == "conftest.py" or any(fnmatch.fnmatch(file.name, like) for like in python_files)
        if not is_test and INSTALLED.isdisjoint(file.parts):
            found.setdefault(name.partition(".")[0], set()).add(str(file))
    return {name: sorted(files) for name, files in sorted(found.items())}


def project_code(python_files: Sequence[str]) -> dict[str, dict[str, str]]:
    """Digests of those files, by package and by the path from the folder that they have in common."""
    found = {}
    for name, files in project_files(python_files).items():
        folder = os.path.commonpath([os.path.dirname(file) for file in files])  # noqa: PTH120
        found[name] = {os.path.relpath(file, folder): _digest_of(Path(file)) for file in files}
    return found


def _loaded() -> Iterator[tuple[str, Path]]:
    """Modules of this process that are neither Python's nor ours, with the files that they came from."""
    paths = sysconfig.get_paths()
    standard = tuple(f"{os.path.realpath(paths[name])}{os.sep}" for name in ("stdlib", "platstdlib"))
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        ours = name.partition(".")[0] == "pytest_accel" or name.startswith(GENERATED)
        if not isinstance(file, str) or ours or not os.path.isfile(file):  # noqa: PTH113
            continue
        path = os.path.realpath(file)
        if not path.startswith(standard) or "site-packages" in path:
            yield name, Path(path)


def _top_level(distribution: metadata.Distribution) -> set[Path]:
    names = {file.parts[0] for file in distribution.files or ()}
    return {Path(str(distribution.locate_file(name))) for name in names}


def _recorded(distribution: metadata.Distribution) -> Mapping[str, str]:
    """The files that were installed from a folder; of a published package one digest is enough."""
    files = [
        file
        for file in distribution.files or ()
        if file.suffix in CODE and not file.parts[0].startswith("__editable__") and ".." not in file.parts
    ]
    if distribution.read_text("direct_url.json") is not None:
        paths = {str(file): Path(str(distribution.locate_file(file))) for file in files}
        return {name: _digest_of(path) for name, path in sorted(paths.items())}
    text = " ".join(f"{file} {file.hash.value if file.hash else ''}" for file in sorted(files))
    return {"": _digest(text.encode())}


def _by_hand(top: Path) -> Iterator[tuple[str, str]]:
    """The code in a folder or file that no installed package claims."""
    if top.name.endswith((".dist-info", ".egg-info", ".data")):
        return
    for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
        if file.suffix in CODE and file.is_file():
            yield str(file.relative_to(top.parent)), _digest_of(file)


def _digest_of(file: Path) -> str:
    try:
        return _digest(file.read_bytes())
    except OSError:
        return "unreadable"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
