"""An upgrade of the user's own package: found wherever the package lies and however it is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

import pytest_accel

pytestmark = pytest.mark.slow

ONLY_PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
WITH_ACCEL = (*ONLY_PYTEST, "pytest-accel", "pytest-benchmark", "tabulate", "filelock", "scipy", "numpy",
              "nvidia-ml-py")  # fmt: skip
"""Distributions, which environments are made of by links: that needs neither pip nor a network."""


class Environment:
    """A virtual environment with these distributions, and with ``mymodel`` once that is installed."""

    def __init__(self, folder: Path, distributions: Sequence[str] = WITH_ACCEL) -> None:
        venv.create(folder, symlinks=True)
        self.folder = folder
        (self.packages,) = folder.glob("lib/python*/site-packages")
        for distribution in map(metadata.distribution, distributions):
            for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
                (self.packages / name).symlink_to(distribution.locate_file(name))
        ours = self.packages / "pytest_accel"
        if "pytest-accel" in distributions and not ours.exists():  # installed with -e where our tests run
            ours.symlink_to(Path(pytest_accel.__file__).parent)
        script = folder / "bin/pytest"
        script.write_text(f"#!{folder}/bin/python\nimport sys, pytest\nsys.exit(pytest.main())\n")
        script.chmod(0o755)

    def install(self, name: str, files: dict[str, str], version: str = "0.1.0", **direct_url: object) -> None:
        """Write what pip would: the files, and what it notes about them. ``direct_url``: for a folder."""
        information = f"{name}-{version}.dist-info"
        for old in self.packages.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        noted = {
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{information}/INSTALLER": "pip\n",
        }
        if direct_url:
            noted[f"{information}/direct_url.json"] = json.dumps(direct_url)
        record = ""
        for path, text in {**files, **noted}.items():
            file = self.packages / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        (self.packages / information / "RECORD").write_text(f"{record}{information}/RECORD,,\n")

    def start(self, command: str, *arguments: object, where: Path) -> pytest.RunResult:
        """A session in a process of its own; pytester would put the folder on its path."""
        program, *words = command.split()
        done = subprocess.run(
            [self.folder / "bin" / program, *words, "-p", "no:hypothesispytest", *map(str, arguments)],
            cwd=where,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0)


@dataclass(frozen=True)
class Layout:
    """Where a checkout has a package: in its folder ``root``, tests in ``tests``. ``changed``: its name."""

    name: str
    root: str
    module: str = "mymodel"
    tests: str = "bench"
    editable: bool = False
    changed: str = "mymodel 0.1.0"

    @property
    def file(self) -> str:
        return f"{self.module.replace('.', '/')}/__init__.py"

    def __str__(self) -> str:
        return self.name


FLAT = Layout("flat", ".")
EDITABLE = Layout("editable", ".", editable=True)
SRC = Layout("src", "src")
NAMESPACE = Layout("namespace", ".", "acme.mymodel")
EDITABLE_NAMESPACE = Layout("editable namespace", ".", "acme.mymodel", editable=True, changed="*")
BESIDE = Layout("beside the tests", "bench")
ALL_IN_ONE = Layout("tests at the top", ".", tests=".")

BENCHMARK = """
import {module} as mymodel

def test_step(accel, clock):
    def step():
        clock.now_s += mymodel.STEP_TIME_S

    accel.measure(step, examples_per_step=32)
"""

OLD_S, NEW_S = 0.25, 0.325
"""How long a step takes: 30% longer. They differ in length: Python's caches go by the size of a file."""


class Upgrade:
    """The user's checkout with a benchmark, and two environments for the old package and the new one."""

    def __init__(self, checkout: Path, folder: Path, old: Sequence[str]) -> None:
        self.checkout = checkout
        self.old = Environment(folder / "old", old)
        self.new = Environment(folder / "new")
        self._old_checkout = folder / "old checkout"

    def write_tests(self, layout: Layout) -> None:
        tests = self.checkout / layout.tests
        tests.mkdir(exist_ok=True)
        (self.checkout / "test_it.py").unlink()
        (self.checkout / "conftest.py").rename(tests / "conftest.py")
        (tests / "test_it.py").write_text(BENCHMARK.format(module=layout.module))

    def install(self, layout: Layout, *, step_time_s: float = NEW_S, version: str = "0.1.0") -> None:
        """The old package from a checkout of its own; the new one, which may be told, from the user's."""
        _install(self.old, self._old_checkout, layout, OLD_S, "0.1.0")
        _install(self.new, self.checkout, layout, step_time_s, version)

    def start(self, command: str, *arguments: object) -> pytest.RunResult:
        return self.new.start(command, *arguments, where=self.checkout)

    def against(self, command: str, layout: Layout) -> pytest.RunResult:
        return self.start(command, f"--accel-against={self.old.folder}", layout.tests)

    def check_refused(self, command: str, layout: Layout, way_out: str) -> None:
        """In a sentence that names the file and what to do, and nothing was judged."""
        result = self.against(command, layout)
        assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
        (sentence,) = (line for line in result.outlines + result.errlines if "--accel-against=" in line)
        assert f"({self.checkout.resolve() / layout.root / layout.file})" in sentence
        assert way_out in sentence
        assert result.parseoutcomes() == {}

    def check_found(self, command: str, layout: Layout) -> None:
        result = self.against(command, layout)
        result.stdout.fnmatch_lines([
            "regressed: 30.0% more time per step than in the other environment *",
            f"changed  *code of {layout.changed} ({layout.file})*",
        ])  # fmt: skip
        assert result.ret == pytest.ExitCode.TESTS_FAILED


def _install(environment: Environment, checkout: Path, layout: Layout, time_s: float, version: str) -> None:
    """Write a package into its checkout and install that, with or without -e."""
    source = checkout / layout.root
    (source / layout.file).parent.mkdir(parents=True, exist_ok=True)
    (source / layout.file).write_text(f"STEP_TIME_S = {time_s}\n")
    files = {layout.file: f"STEP_TIME_S = {time_s}\n"}
    if layout.editable:
        files = {f"__editable__.mymodel-{version}.pth": f"{source.resolve()}\n"}
    about = {"editable": True} if layout.editable else {}
    environment.install("mymodel", files, version, url=checkout.resolve().as_uri(), dir_info=about)


@pytest.fixture
def upgrade(project, tmp_path_factory):
    """As docs/gate-an-upgrade.md makes environments: the other one has only pytest beside the package."""
    return Upgrade(project.path, tmp_path_factory.mktemp("environments"), ONLY_PYTEST)


@pytest.fixture
def twins(project, tmp_path_factory):
    """Nothing but the package differs."""
    return Upgrade(project.path, tmp_path_factory.mktemp("environments"), WITH_ACCEL)


@pytest.mark.parametrize(
    ("layout", "command"),
    [
        (FLAT, "pytest"),
        (EDITABLE, "pytest"),
        (SRC, "python -m pytest"),
        (NAMESPACE, "pytest"),
        (EDITABLE_NAMESPACE, "pytest"),
        (BESIDE, "pytest --import-mode=importlib"),
        (BESIDE, "python -m pytest --import-mode=importlib"),
    ],
    ids=str,
)
def test_a_slower_package_is_found_against_the_old_environment(upgrade, layout, command):
    upgrade.write_tests(layout)
    upgrade.install(layout)
    upgrade.check_found(command, layout)


@pytest.mark.parametrize("command", ["pytest", "python -m pytest"])
@pytest.mark.parametrize("layout", [FLAT, EDITABLE, SRC, NAMESPACE, BESIDE], ids=str)
def test_a_slower_package_is_found_against_a_stored_baseline(upgrade, layout, command):
    """Recorded before the checkout changed and was installed anew."""
    upgrade.write_tests(layout)
    upgrade.install(layout, step_time_s=OLD_S)
    recorded = upgrade.start(command, "--accel-update-baselines", layout.tests)
    assert recorded.ret == pytest.ExitCode.OK, recorded.stdout.str()
    upgrade.install(layout)
    result = upgrade.start(command, layout.tests)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["regressed: 30.0% more time per step than the baseline *"])


SHADOWED = [
    (FLAT, "python -m pytest", "python -m pytest"),
    (EDITABLE, "python -m pytest", "python -m pytest"),
    (SRC, "pytest -o pythonpath=src", "pythonpath"),
    (NAMESPACE, "python -m pytest", "python -m pytest"),
    (BESIDE, "pytest", "--import-mode=importlib"),
    (ALL_IN_ONE, "pytest", "--import-mode=importlib"),
    (ALL_IN_ONE, "python -m pytest --import-mode=importlib", "python -m pytest"),
]
"""Here the checkout comes before what is installed, so both sides would run its code; and what to avoid."""


@pytest.mark.parametrize(("layout", "command", "way_out"), SHADOWED, ids=str)
def test_a_checkout_that_hides_both_packages_is_refused(twins, layout, command, way_out):
    """The first test above finds the 30% in the way that the sentence names."""
    twins.write_tests(layout)
    twins.install(layout)
    twins.check_refused(command, layout, way_out)


def test_a_path_in_the_settings_that_hides_both_packages_is_refused(twins):
    twins.write_tests(SRC)
    twins.install(SRC)
    (twins.checkout / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    twins.check_refused("pytest", SRC, "pythonpath")


@pytest.mark.parametrize("what", ["conftest.py", "bench/__init__.py"])
def test_pytest_itself_puts_the_checkout_first_unless_it_is_told_not_to(twins, what):
    """For a conftest.py beside the package, and for tests that are a package themselves."""
    twins.write_tests(FLAT)
    twins.install(FLAT)
    (twins.checkout / what).write_text("")
    twins.check_refused("pytest", FLAT, "--import-mode=importlib")
    twins.check_found("pytest --import-mode=importlib", FLAT)


@pytest.mark.parametrize("layout", [FLAT, EDITABLE], ids=str)
def test_hidden_packages_are_refused_although_the_other_environment_has_only_pytest(upgrade, layout):
    """And so lacks what pytest-accel brought here."""
    upgrade.write_tests(layout)
    upgrade.install(layout)
    upgrade.check_refused("python -m pytest", layout, "python -m pytest")


def test_hidden_packages_are_refused_although_their_versions_differ(twins):
    twins.write_tests(FLAT)
    twins.install(FLAT, version="0.2.0")
    twins.check_refused("python -m pytest", FLAT, "python -m pytest")


def test_hidden_packages_are_refused_although_another_package_differs(twins):
    """Its change would be compared, but the report would say that of the package as well."""
    twins.write_tests(FLAT)
    twins.install(FLAT, version="0.2.0")
    twins.old.install("some_tool", {"some_tool.py": "FAST = False\n"}, "1.0")
    twins.new.install("some_tool", {"some_tool.py": "FAST = True\n"}, "2.0")
    twins.check_refused("python -m pytest", FLAT, "python -m pytest")
