"""What a project has, as far as its files say so: nothing of it is imported or run."""

from __future__ import annotations

import importlib.util
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_accel.records import files

FRAMEWORKS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
"""Modules and names of the frameworks that ``init`` has a benchmark for, the preferred one first."""

BUILT_ON = {
    "keras": "tensorflow",
    "tf_keras": "tensorflow",
    "flax": "jax",
    "optax": "jax",
    "lightning": "torch",
    "pytorch_lightning": "torch",
}
"""Libraries whose import tells the framework of a project."""

MAX_FILES = 2000
"""Python files that are read to learn what a project imports."""

MAX_FILE_BYTES = 2**18

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+(.+))", re.MULTILINE)

NOT_ITS_CODE = {"benchmarks", "build", "dist", "docs", "examples", "node_modules", "test", "tests"}
"""Folders that hold no package that the project installs."""


@dataclass(frozen=True)
class ProjectFacts:
    """``framework`` is a module, None if none is installed. ``other_frameworks`` are installed as well.

    ``missing_framework`` is what the project imports most where that is not installed here. ``package`` is
    the name of the project's own package if it has just one. ``requirements`` is whether there is a
    requirements.txt, ``installable`` whether pip can install the project, ``is_discovered_by_setuptools``
    whether setuptools finds its packages by looking at the folders beside pyproject.toml.
    """

    framework: str | None
    other_frameworks: tuple[str, ...]
    missing_framework: str | None
    package: str | None
    installable: bool
    is_discovered_by_setuptools: bool
    requirements: bool
    in_git: bool
    on_github: bool


def project_facts(folder: Path) -> ProjectFacts:
    """Look at the project in ``folder``. What cannot be read counts as absent."""
    installed = [name for name in FRAMEWORKS if _is_installed(name)]
    imported = [name for name, _ in _imported_frameworks(folder).most_common()]
    used = [name for name in imported if name in installed]
    ordered = [*used, *(name for name in installed if name not in used)]
    packages = _packages(folder)
    pyproject = _toml(folder / "pyproject.toml")
    return ProjectFacts(
        framework=ordered[0] if ordered else None,
        other_frameworks=tuple(ordered[1:]),
        missing_framework=imported[0] if imported and imported[0] not in installed else None,
        package=packages[0] if len(packages) == 1 else None,
        installable=files.is_file(folder / "setup.py") or _builds(pyproject),
        is_discovered_by_setuptools=_is_discovered(folder, pyproject),
        requirements=files.is_file(folder / "requirements.txt"),
        in_git=any(_exists(place / ".git") for place in (folder, *folder.parents)),
        on_github=_exists(folder / ".github"),
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(files.read(path).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(data: Any, *names: str) -> Any:
    """What stands at this place, an empty table if nothing does."""
    for name in names:
        data = data.get(name, {}) if isinstance(data, dict) else {}
    return data


def _builds(pyproject: dict[str, Any]) -> bool:
    return any(_table(pyproject, *names) for names in (("project",), ("build-system",), ("tool", "poetry")))


def _is_discovered(folder: Path, pyproject: dict[str, Any]) -> bool:
    """Whether setuptools looks for packages by itself, and finds them in the top folder.

    Source: setuptools' documentation, "Package Discovery", flat layout.
    """
    backend = _table(pyproject, "build-system", "build-backend") or "setuptools.build_meta"
    named = [_table(pyproject, "tool", "setuptools", name) for name in ("packages", "py-modules")]
    is_flat = not _exists(folder / "src") and bool(_packages(folder))
    is_explicit = any(named) or any(files.is_file(folder / name) for name in ("setup.py", "setup.cfg"))
    return _builds(pyproject) and str(backend).startswith("setuptools") and is_flat and not is_explicit


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110, pathlib raises for what may not be seen


def _imported_frameworks(folder: Path) -> Counter[str]:
    """In how many files of the project each framework is imported."""
    counts: Counter[str] = Counter()
    for number, file in enumerate(_python_files(folder)):
        if number == MAX_FILES:
            break
        counts.update(_frameworks_of(file))
    return counts


def _python_files(folder: Path) -> Iterator[Path]:
    """Those of the project, without hidden folders and virtual environments, in a fixed order."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in ("node_modules", "site-packages")
            and not _exists(Path(place, name, "pyvenv.cfg"))
        )
        yield from (Path(place, name) for name in sorted(names) if name.endswith(".py"))


def _frameworks_of(file: Path) -> set[str]:
    """By the lines that begin with an import, which is quicker than parsing, and works for broken files."""
    try:
        if not files.is_file(file) or file.stat().st_size > MAX_FILE_BYTES:
            return set()
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    modules = set()
    for source, several in _IMPORT.findall(text):
        modules |= {
            name.strip().partition(" ")[0].partition(".")[0] for name in (source or several).split(",")
        }
    return {BUILT_ON.get(module, module) for module in modules} & FRAMEWORKS.keys()


def _packages(folder: Path) -> list[str]:
    """Packages in ``src/``, or beside the tests if there are none."""
    for place in (folder / "src", folder):
        try:
            found = sorted(
                entry.name
                for entry in place.iterdir()
                if entry.name.isidentifier()
                and entry.name not in NOT_ITS_CODE
                and files.is_file(entry / "__init__.py")
            )
        except OSError:
            continue
        if found:
            return found
    return []
