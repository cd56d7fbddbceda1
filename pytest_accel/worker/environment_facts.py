"""What an environment is, and which code of the user's it runs: asked of both sides of a comparison.

All of it runs in a worker, with the standard library only. What needs much memory is asked of a process of
its own, before the first run: to free a large piece would change how long a step takes (see ``bootstrap``).
"""

from __future__ import annotations

import csv
import hashlib
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from pytest_accel.worker.code_fingerprint import GENERATED

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of these names hold what is installed."""

CODE = (".py", ".so", ".pyd")

MAX_READ_BYTES = 2**26
"""Files that are larger are compared by their size."""

TEST = re.compile(r"test_.*\.py|.*_test\.py")
"""What pytest takes for a test by default; a project may let it be any file."""

OF_A_PROCESS = re.compile(r"PYTEST_.*|COV_CORE_.*|_|PWD|OLDPWD|SHLVL|COLUMNS|LINES")
"""Variables that differ between any two processes, or say nothing about the program."""

Files = Mapping[str, Mapping[str, str]]
"""Files of code by package and relative path, each with a digest of its contents."""


@dataclass(frozen=True)
class Surroundings:
    """An environment: the folder of its Python, its version, installed packages, variables.

    ``variables`` has digests, never values. ``code`` has the files of packages that are not known by their
    version alone: installed from a folder or by hand; of all others one digest, under the path "".
    ``modules`` says what can be imported from each. ``paths`` has digests of ``.pth`` files that no package
    owns.
    """

    prefix: str
    python: str
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    code: Mapping[str, Mapping[str, str]]
    modules: Mapping[str, tuple[str, ...]]
    paths: Mapping[str, str]


@dataclass(frozen=True)
class LoadedModules:
    """What a process had imported at some time.

    ``files`` are those of the project, by package. ``packages`` are all top-level names, and ``first`` those
    that pytest and its plugins had imported before the project's own files. Empty where environments are not
    compared.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


def variables() -> dict[str, str]:
    """Digests of this process's environment variables."""
    return {
        name: _digest(value.encode("utf-8", "surrogateescape"))
        for name, value in os.environ.items()
        if not OF_A_PROCESS.fullmatch(name)
    }


def surroundings(variables: Mapping[str, str]) -> Surroundings:
    """Those of this process; ``variables`` are as they were before a conftest.py changed any."""
    packages: dict[str, str] = {}
    code: dict[str, Mapping[str, str]] = {}
    modules: dict[str, tuple[str, ...]] = {}
    paths: dict[str, str] = {}
    known: set[Path] = set()
    for distribution in metadata.distributions():
        name = normalized(distribution.metadata["Name"] or "")
        if name and name not in packages:  # what an interrupted installation left has none
            files = _installed_files(distribution)
            packages[name] = distribution.version
            tops = {file.partition("/")[0] for file in files}
            known |= {Path(str(distribution.locate_file(top))) for top in tops}
            modules[name] = _modules(distribution, files)
            if name != "pytest-accel":  # which is brought along
                code[name] = _recorded(distribution, files)
    for folder in map(Path, sys.path):
        if not INSTALLED.isdisjoint(folder.parts) and folder.is_dir():
            for top in sorted(folder.iterdir()):
                if top not in known and not top.name.startswith((".", "_")):
                    if top.suffix == ".pth":
                        paths[top.name] = _digest_of(top)
                    by_hand = dict(_by_hand(top))
                    if by_hand:
                        code.setdefault(top.stem, by_hand)
    return Surroundings(os.path.realpath(sys.prefix), _python(), packages, variables, code, modules, paths)


def normalized(name: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def loaded_packages() -> tuple[str, ...]:
    """Top-level names of the modules that this process has imported."""
    return tuple(sorted({name.partition(".")[0] for name in list(sys.modules)}))


def project_files(test: Path) -> dict[str, tuple[str, ...]]:
    """Real paths of the files of loaded modules that are not installed, by package.

    Without tests, which are the same on both sides: the file ``test``, others that are called like one,
    packages that it lies in, and every ``conftest.py``.
    """
    by_package: dict[str, set[str]] = {}
    for name, file in _of_project(test):
        by_package.setdefault(_package(name), set()).add(str(file))
    return {name: tuple(sorted(files)) for name, files in sorted(by_package.items())}


def project_code(test: Path) -> dict[str, dict[str, str]]:
    """Digests of those files, by package and by the path from the folder that the package is in."""
    by_package: dict[str, dict[str, str]] = {}
    for name, file in _of_project(test):
        depth = name.count(".") + 1 + (file.stem == "__init__")
        by_package.setdefault(_package(name), {})["/".join(file.parts[-depth:])] = _digest_of(file)
    return by_package


def _package(module: str) -> str:
    """The name of its package: the first part, and the second too where the first is a namespace only."""
    first, _, rest = module.partition(".")
    is_namespace = getattr(sys.modules.get(first), "__file__", None) is None
    return f"{first}.{rest.partition('.')[0]}" if rest and is_namespace else first


def _of_project(test: Path) -> Iterator[tuple[str, Path]]:
    test = test.resolve()
    for name, file in _loaded():
        is_test = file == test or file.name == "conftest.py" or TEST.fullmatch(file.name) is not None
        holds_test = file.name == "__init__.py" and file.parent in test.parents
        if not (is_test or holds_test) and INSTALLED.isdisjoint(file.parts):
            yield name, file


def _python() -> str:
    """The interpreter, how it was started, what it runs on, and what conda installed beside it."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    driver = Path("/proc/driver/nvidia/version")
    conda = sorted(file.stem for file in Path(sys.prefix, "conda-meta").glob("*.json"))
    parts = (sys.version, sys.flags, sys._xoptions, cores, platform.platform(), platform.libc_ver(), conda)
    return " ".join([*map(str, parts), driver.read_text() if driver.is_file() else ""])


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


def _installed_files(distribution: metadata.Distribution) -> Mapping[str, str]:
    """Its files as it recorded them, each with its digest ("" where there is none).

    ``distribution.files`` would make a path of each, which took seconds beside a framework.
    """
    record = distribution.read_text("RECORD")
    if record is None:
        return {file.as_posix(): "" for file in distribution.files or ()}
    return {name: rest[0] if rest else "" for name, *rest in filter(None, csv.reader(record.splitlines()))}


def _modules(distribution: metadata.Distribution, files: Iterable[str]) -> tuple[str, ...]:
    """What can be imported from it, as :func:`_package` has it."""
    code = [file.split("/") for file in files if file.endswith(CODE)]
    packages = {parts[0] for parts in code if parts[1:] == ["__init__.py"]}
    names = set((distribution.read_text("top_level.txt") or "").split())
    for parts in code:
        first = parts[0].partition(".")[0]
        is_namespace = len(parts) > 1 and first not in packages
        names.add(f"{first}.{parts[1].partition('.')[0]}" if is_namespace else first)
    return tuple(sorted(names))


def _recorded(distribution: metadata.Distribution, files: Mapping[str, str]) -> Mapping[str, str]:
    """The files that were installed from a folder; of a published package one digest is enough."""
    source = distribution.read_text("direct_url.json")
    if source is not None and '"editable"' in source:
        return {"": _digest(source.encode())}  # the checkout: what is imported from there is seen in a run
    ours = sorted(
        name
        for name in files
        if not name.endswith(".pyc")
        and ".." not in name.split("/")
        and not name.partition("/")[0].endswith(".dist-info")
    )
    if source is not None:
        return {name: _digest_of(Path(str(distribution.locate_file(name)))) for name in ours}
    return {"": _digest(" ".join(f"{name} {files[name]}" for name in ours).encode())}


def _by_hand(top: Path) -> Iterator[tuple[str, str]]:
    """The files of a folder or module that no installed package claims."""
    if top.name.endswith((".dist-info", ".egg-info", ".data")) or not (top.is_dir() or top.suffix in CODE):
        return
    for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
        if file.suffix != ".pyc" and file.is_file():
            yield str(file.relative_to(top.parent)), _digest_of(file)


def _digest_of(file: Path) -> str:
    try:
        size = file.stat().st_size
        return _digest(file.read_bytes()) if size <= MAX_READ_BYTES else f"{size} bytes"
    except OSError:
        return "unreadable"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
