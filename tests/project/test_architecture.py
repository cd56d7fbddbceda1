"""Who imports whom, read from the source: the directions that docs/architecture.md gives."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_accel

PACKAGE = Path(pytest_accel.__file__).parent
LAYERS = (
    ("session",),
    ("runs",),
    ("hosts", "cli"),
    ("worker", "gate"),
    ("api", "reports"),
    ("frameworks", "baselines"),
    ("hardware", "analysis"),
    ("records",),
)
"""The folders of the package from top to bottom. Each imports only what is in a lower line."""

FRAMEWORKS = {"tensorflow", "keras", "jax", "jaxlib", "torch", "flax", "optax"}
HOMES = {"keras": ("tensorflow",), "jax": ("jax", "xla"), "jaxlib": ("jax", "xla")}
"""Folders below ``frameworks`` that import a framework, where that is not the one of its own name."""

HEAVY = {"numpy", "scipy", "tabulate", "filelock", "pynvml", "pytest_benchmark"}
PURE = {"analysis", "reports.comparison.rows", "reports.comparison.from_metrics"}
OUTSIDE_WORLD = {"datetime", "io", "logging", "os", "pathlib", "random", "subprocess", "sys", "time"}


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


TEMPLATES = PACKAGE / "cli/templates"
"""Files that are written for users; they are never imported."""

SOURCES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py")) if TEMPLATES not in file.parents}
TREES = {name: ast.parse(file.read_text()) for name, file in SOURCES.items()}


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """What runs when a module is imported: neither function bodies nor what is for type checkers."""
    pending = list(tree.body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        yield statement
        pending += [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]


def imported(nodes) -> set[str]:
    """Full names of the modules that import statements name."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= named & SOURCES.keys()
            if not named <= SOURCES.keys():
                names.add(node.module)
    return names


EVERYWHERE = {name: imported(ast.walk(tree)) for name, tree in TREES.items()}
ON_IMPORT = {name: imported(statements(tree)) for name, tree in TREES.items()}


def top(name: str) -> str:
    return name.partition(".")[0]


def ours(names: set[str]) -> set[str]:
    return {name for name in names if top(name) == "pytest_accel"}


def under(name: str, packages: set[str]) -> bool:
    """Whether a module of ours is one of these, or inside one."""
    return any(name == f"pytest_accel.{one}" or name.startswith(f"pytest_accel.{one}.") for one in packages)


def loaded_with(name: str) -> set[str]:
    """The modules of ours that importing this one imports."""
    loaded, pending = set(), {name}
    while pending:
        module = pending.pop()
        if module in SOURCES and module not in loaded:
            loaded.add(module)
            pending |= ours(ON_IMPORT[module]) | {module.rpartition(".")[0]}
    return loaded


def folder(name: str) -> str:
    """The folder below the package that a module is in, or the module itself where that is in none."""
    return name.split(".")[1] if "." in name else ""


def test_every_folder_is_in_a_layer():
    assert {folder(name) for name in SOURCES} - {""} == {each for layer in LAYERS for each in layer}


@pytest.mark.parametrize("name", [name for name in SOURCES if folder(name)])
def test_imports_go_down(name):
    depth = {each: number for number, layer in enumerate(LAYERS) for each in layer}
    others = {each for each in ours(EVERYWHERE[name]) if folder(each) not in ("", folder(name))}
    assert {each for each in others if depth[folder(each)] <= depth[folder(name)]} == set()


def parent(name: str) -> str:
    return name.rpartition(".")[0]


@pytest.mark.parametrize("unit", [str, parent], ids=["modules", "folders"])
def test_no_import_goes_in_a_circle(unit):
    def place(name: str) -> str:
        is_package = SOURCES[name].name == "__init__.py"
        at_the_top = parent(name) == "pytest_accel"
        return name if unit is str or is_package or at_the_top else parent(name)

    edges = {
        place(name): {
            place(each) for key in SOURCES if place(key) == place(name) for each in ours(EVERYWHERE[key])
        }
        for name in SOURCES
    }
    # What is imported by nothing that is left, or imports nothing, is in no circle.
    remaining = {name: edges[name] - {name} for name in edges}
    while leaves := [name for name, names in remaining.items() if not names & remaining.keys()]:
        for name in leaves:
            del remaining[name]
    assert remaining == {}


@pytest.mark.parametrize("name", [name for name in SOURCES if under(name, {"records"})])
def test_records_need_the_standard_library_only(name):
    assert {top(each) for each in ON_IMPORT[name]} <= sys.stdlib_module_names | {"pytest_accel"}


@pytest.mark.parametrize("name", [name for name in SOURCES if under(name, PURE)])
def test_what_is_pure_knows_records_and_what_is_pure_and_nothing_of_the_world(name):
    known = {each for each in ours(EVERYWHERE[name]) if not under(each, PURE | {"records"})}

    assert known <= {"pytest_accel"}
    assert not {top(each) for each in EVERYWHERE[name]} & OUTSIDE_WORLD


def test_frameworks_are_imported_in_their_own_folders_only():
    for name, names in EVERYWHERE.items():
        for framework in FRAMEWORKS & {top(each) for each in names}:
            homes = HOMES.get(framework, (framework,))
            assert under(name, {f"frameworks.{home}" for home in homes}), (name, framework)


FOR_ANY_STEP = {
    f"pytest_accel.frameworks{part}" for part in ("", ".introspection", ".recognized", ".recompilation")
}
FOR_FRAMEWORKS = {name for name in SOURCES if under(name, {"frameworks"}) and name not in FOR_ANY_STEP}
"""What is imported only together with a framework, which needs NumPy itself."""


def test_what_frameworks_are_made_of_is_imported_by_frameworks_only():
    for name in SOURCES.keys() - FOR_FRAMEWORKS:
        assert not EVERYWHERE[name] & FOR_FRAMEWORKS, name


def test_what_all_frameworks_share_knows_none_of_them():
    shared = [name for name in SOURCES if under(name, {"frameworks.common"})]
    assert "pytest_accel.frameworks.common.training_loop" in shared
    for name in shared:
        assert not any(
            under(each, {"frameworks.tensorflow", "frameworks.jax", "frameworks.xla"})
            for each in EVERYWHERE[name]
        )


def test_heavy_libraries_are_imported_when_they_are_needed():
    early = {
        name: HEAVY & {top(each) for each in names}
        for name, names in ON_IMPORT.items()
        if name not in FOR_FRAMEWORKS
    }

    assert {name: heavy for name, heavy in early.items() if heavy} == {}


def test_the_side_of_the_child_needs_only_pytest():
    loaded = loaded_with("pytest_accel.worker.agent")

    outside = {top(each) for name in loaded for each in ON_IMPORT[name]} - sys.stdlib_module_names
    assert outside == {"pytest", "pytest_accel"}
    assert "pytest_accel.worker.step_timer" in loaded
    assert not any(
        under(name, {"session", "runs", "gate", "baselines", "reports", "cli", "hosts"}) for name in loaded
    )


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_says_what_it_is_for_and_is_short(name):
    assert ast.get_docstring(TREES[name]), "a module has a docstring"
    assert len(SOURCES[name].read_text().splitlines()) <= 400


def modules_after(project: Path, *arguments: str) -> set[str]:
    """The modules that a pytest session has imported at its end."""
    (project / "conftest.py").write_text(
        "import sys\n\ndef pytest_unconfigure():\n    print('LOADED', *sys.modules, file=sys.__stdout__)\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--rootdir=.", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    result = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("LOADED"))
    return set(line.split()[1:])


@pytest.mark.parametrize("arguments", [(), ("--collect-only",)])
def test_a_project_without_benchmarks_imports_next_to_nothing(tmp_path, arguments):
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")

    loaded = modules_after(tmp_path, *arguments)

    assert ours(loaded) == {
        "pytest_accel",
        "pytest_accel.api",
        "pytest_accel.api.command_line",
        "pytest_accel.api.options",
        "pytest_accel.api.fixtures",
        "pytest_accel.frameworks",
        "pytest_accel.session",
        "pytest_accel.session.plugin",
    }
    assert not (HEAVY - {"pytest_benchmark"} | FRAMEWORKS) & loaded


@pytest.mark.tensorflow
def test_a_session_of_benchmarks_imports_no_framework(tmp_path):
    (tmp_path / "test_it.py").write_text(
        """
def test_shipped(accel):
    accel.throughput("resnet50", global_batch=1, image_size=32)
"""
    )

    loaded = modules_after(tmp_path, "--accel-budget=0.5", "--accel-wait=0")

    assert "pytest_accel.session.hooks" in loaded
    assert not FRAMEWORKS & loaded
