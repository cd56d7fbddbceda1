"""What a project has, as far as its files say so: nothing of it is imported or run."""

from __future__ import annotations

import ast
import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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

MAX_FILE_BYTES = 2**20

NOT_ITS_CODE = {"benchmarks", "build", "dist", "docs", "examples", "node_modules", "test", "tests"}
"""Folders that hold no package that the project installs."""


@dataclass(frozen=True)
class ProjectFacts:
    """``framework`` is a module, None if none is installed. ``other_frameworks`` are installed as well.

    ``missing_framework`` is what the project imports most where that is not installed here. ``package`` is
    the name of the project's own package if it has just one. ``requirements`` is whether there is a
    requirements.txt, ``installable`` whether pip can install the project.
    """

    framework: str | None
    other_frameworks: tuple[str, ...]
    missing_framework: str | None
    package: str | None
    installable: bool
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
    return ProjectFacts(
        framework=ordered[0] if ordered else None,
        other_frameworks=tuple(ordered[1:]),
        missing_framework=imported[0] if imported and imported[0] not in installed else None,
        package=packages[0] if len(packages) == 1 else None,
        installable=any((folder / name).is_file() for name in ("setup.py", "setup.cfg"))
        or _builds(folder / "pyproject.toml"),
        requirements=(folder / "requirements.txt").is_file(),
        in_git=any((place / ".git").exists() for place in (folder, *folder.parents)),
        on_github=(folder / ".github").is_dir(),
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _builds(pyproject: Path) -> bool:
    try:
        text = pyproject.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.strip() in ("[project]", "[build-system]", "[tool.poetry]") for line in text.splitlines())


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
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in ("node_modules", "site-packages")
            and not Path(place, name, "pyvenv.cfg").exists()
        )
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".py"))


def _frameworks_of(file: Path) -> set[str]:
    try:
        if not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
            return set()
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
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
                and (entry / "__init__.py").is_file()
            )
        except OSError:
            continue
        if found:
            return found
    return []
