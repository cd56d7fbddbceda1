"""An upgrade of the user's own package: found wherever the package lies and however it is installed."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import venv
from importlib import metadata
from pathlib import Path

import pytest

import pytest_accel

INSTALLED = (
    "pytest", "pluggy", "iniconfig", "packaging", "pygments",
    "pytest-accel", "pytest-benchmark", "tabulate", "filelock", "scipy", "numpy", "nvidia-ml-py",
)  # fmt: skip
"""What a session needs: links to these make environments, which neither pip nor a network has to."""

BENCHMARK = """
import pathlib
import {module} as mymodel

def test_step(accel, clock):
    def step():
        pathlib.Path("measured").touch()
        clock.now_s += mymodel.STEP_TIME_S

    accel.measure(step, examples_per_step=32)
"""

OLD_S, NEW_S = 0.25, 0.325
"""How long a step takes: 30 % longer. Of different lengths as text, since Python's caches go by the size."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where a checkout has the package: under ``root`` it is imported as ``module``, tests are in ``tests``."""

    root: str
    module: str
    tests: str = "bench"
    editable: bool = False

    @property
    def file(self) -> str:
        return f"{self.module.replace('.', '/')}/__init__.py"


FLAT = Layout(".", "mymodel")
EDITABLE = Layout(".", "mymodel", editable=True)
SRC = Layout("src", "mymodel")
SRC_EDITABLE = Layout("src", "mymodel", editable=True)
NAMESPACE = Layout(".", "acme.mymodel")
NAMESPACE_EDITABLE = Layout(".", "acme.mymodel", editable=True)
BESIDE = Layout("bench", "mymodel")
TESTS_AT_THE_TOP = Layout(".", "mymodel", tests=".")

NAMES = {
    FLAT: "flat",
    EDITABLE: "editable",
    SRC: "src",
    SRC_EDITABLE: "src, editable",
    NAMESPACE: "namespace",
    NAMESPACE_EDITABLE: "namespace, editable",
    BESIDE: "beside",
    TESTS_AT_THE_TOP: "tests at the top",
}

SCRIPT, MODULE = "pytest", "python -m pytest"


class Environment:
    """A virtual environment with pytest-accel, and with ``mymodel`` once that is installed."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.folder = folder
        (self.packages,) = folder.glob("lib/python*/site-packages")
        for distribution in map(metadata.distribution, INSTALLED):
            for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
                (self.packages / name).symlink_to(distribution.locate_file(name))
        ours = self.packages / "pytest_accel"
        if not ours.exists():  # where our tests run it is installed with -e
            ours.symlink_to(Path(pytest_accel.__file__).parent)
        self._script("pytest", "from pytest import console_main as main")

    def _script(self, name: str, line: str) -> None:
        script = self.folder / "bin" / name
        script.write_text(f"#!{self.folder}/bin/python\nimport sys\n{line}\nsys.exit(main())\n")
        script.chmod(0o755)

    def command(self, words: str) -> list[str]:
        program, *others = words.split()
        return [str(self.folder / "bin" / program), *others]

    def install(self, checkout: Path, layout: Layout) -> None:
        """As ``pip install`` does, with or without -e."""
        source, information = checkout / layout.root, self.packages / "mymodel-0.1.0.dist-info"
        name = "__editable__.mymodel-0.1.0.pth" if layout.editable else layout.file
        file = self.packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{source.resolve()}\n" if layout.editable else (source / layout.file).read_text())
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
        texts = {
            "METADATA": "Metadata-Version: 2.1\nName: mymodel\nVersion: 0.1.0\n",
            "INSTALLER": "pip\n",
            "direct_url.json": json.dumps(
                {
                    "dir_info": {"editable": True} if layout.editable else {},
                    "url": checkout.resolve().as_uri(),
                }
            ),
        }
        information.mkdir(exist_ok=True)
        for name_of_text, text in texts.items():
            (information / name_of_text).write_text(text)
        recorded = [f"{name},sha256={digest},{file.stat().st_size}"]
        recorded += [f"{information.name}/{name_of_text},," for name_of_text in (*texts, "RECORD")]
        (information / "RECORD").write_text("\n".join(recorded) + "\n")


def write_package(checkout: Path, layout: Layout, step_time_s: float) -> None:
    file = checkout / layout.root / layout.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"STEP_TIME_S = {step_time_s}\n")


class Upgrade:
    """The user's checkout with its benchmark, an environment of the old package and one of the new."""

    def __init__(self, checkout: Path, elsewhere: Path) -> None:
        self.checkout = checkout
        self.old, self.new = Environment(elsewhere / "old"), Environment(elsewhere / "new")
        self._old_checkout = elsewhere / "old checkout"

    def write_tests(self, layout: Layout) -> None:
        tests = self.checkout / layout.tests
        tests.mkdir(exist_ok=True)
        (self.checkout / "test_it.py").unlink()
        if layout.tests != ".":
            shutil.move(self.checkout / "conftest.py", tests / "conftest.py")
        (tests / "test_it.py").write_text(BENCHMARK.format(module=layout.module))

    def install(self, layout: Layout, old_s: float = OLD_S, new_s: float = NEW_S) -> None:
        """Each package into its environment; the checkout has the new one."""
        for environment, checkout, step_time_s in (
            (self.old, self._old_checkout, old_s),
            (self.new, self.checkout, new_s),
        ):
            write_package(checkout, layout, step_time_s)
            environment.install(checkout, layout)

    def start(self, command: str, *arguments: object) -> pytest.RunResult:
        """A session of the new environment, in a process of its own: pytester would lend it the folder."""
        (self.checkout / "measured").unlink(missing_ok=True)
        done = subprocess.run(
            [*self.new.command(command), "-p", "no:hypothesispytest", *map(str, arguments)],
            cwd=self.checkout,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0)

    def against(self, command: str, layout: Layout, *arguments: object) -> pytest.RunResult:
        return self.start(command, f"--accel-against={self.old.folder}", *arguments, layout.tests)


@pytest.fixture
def upgrade(project, tmp_path_factory):
    return Upgrade(project.path, tmp_path_factory.mktemp("environments"))


def check_found(result: pytest.RunResult, code: str) -> None:
    """The planted 30 %, by --accel-against, and what the report says has changed."""
    result.stdout.fnmatch_lines([
        "regressed: step time is 30.0 % longer than in the other environment *",
        f"changed  *code of {code}",
    ])  # fmt: skip
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def check_refused(upgrade: Upgrade, result: pytest.RunResult, layout: Layout) -> None:
    """In a sentence, before anything was measured."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    file = (upgrade.checkout / layout.root / layout.file).resolve()
    name = layout.module.partition(".")[0]
    said = result.stdout.str() + result.stderr.str()
    assert f"both environments import {name} ({file}) from the same files" in said
    assert "the program would be compared with itself" in said
    assert not (upgrade.checkout / "measured").exists()


@pytest.mark.parametrize(
    ("layout", "command", "arguments", "code"),
    [
        (FLAT, SCRIPT, [], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (EDITABLE, SCRIPT, [], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (SRC, SCRIPT, [], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (SRC, MODULE, [], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (SRC_EDITABLE, MODULE, [], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (NAMESPACE, SCRIPT, [], "mymodel 0.1.0 (acme/mymodel/__init__.py)"),
        (NAMESPACE_EDITABLE, SCRIPT, [], "*mymodel*"),
        (BESIDE, SCRIPT, ["--import-mode=importlib"], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (BESIDE, MODULE, ["--import-mode=importlib"], "mymodel 0.1.0 (mymodel/__init__.py)"),
        (TESTS_AT_THE_TOP, SCRIPT, ["--import-mode=importlib"], "mymodel 0.1.0 (mymodel/__init__.py)"),
    ],
    ids=lambda value: NAMES.get(value) if isinstance(value, Layout) else None,
)
def test_a_slower_package_is_found_against_the_old_environment(upgrade, layout, command, arguments, code):
    upgrade.write_tests(layout)
    upgrade.install(layout)
    check_found(upgrade.against(command, layout, *arguments), code)


@pytest.mark.parametrize(
    ("layout", "command", "arguments"),
    [
        (FLAT, MODULE, []),
        (EDITABLE, MODULE, []),
        (SRC, SCRIPT, ["-o", "pythonpath=src"]),
        (SRC_EDITABLE, SCRIPT, ["-o", "pythonpath=src"]),
        (NAMESPACE, MODULE, []),
        (NAMESPACE_EDITABLE, MODULE, []),
        (BESIDE, SCRIPT, []),
        (TESTS_AT_THE_TOP, SCRIPT, []),
    ],
    ids=lambda value: NAMES.get(value) if isinstance(value, Layout) else None,
)
def test_what_puts_the_checkout_before_both_environments_is_refused(upgrade, layout, command, arguments):
    """The way out that the sentence names is what the test above finds the 30 % with."""
    upgrade.write_tests(layout)
    upgrade.install(layout)
    check_refused(upgrade, upgrade.against(command, layout, *arguments), layout)


@pytest.mark.parametrize("what", ["conftest.py", "bench/__init__.py"])
def test_pytest_itself_puts_the_checkout_first_unless_it_is_told_not_to(upgrade, what):
    """A conftest.py beside the package, or tests that are a package themselves."""
    upgrade.write_tests(FLAT)
    upgrade.install(FLAT)
    (upgrade.checkout / what).write_text("")
    check_refused(upgrade, upgrade.against(SCRIPT, FLAT), FLAT)
    result = upgrade.against(SCRIPT, FLAT, "--import-mode=importlib")
    check_found(result, "mymodel 0.1.0 (mymodel/__init__.py)")


@pytest.mark.parametrize("command", [SCRIPT, MODULE])
@pytest.mark.parametrize("layout", [FLAT, EDITABLE, SRC, NAMESPACE, BESIDE], ids=NAMES.get)
def test_a_slower_package_is_found_against_a_stored_baseline(upgrade, layout, command):
    """Recorded before the checkout changed, and was installed anew."""
    upgrade.write_tests(layout)
    upgrade.install(layout, new_s=OLD_S)
    recorded = upgrade.start(command, "--accel-update-baselines", layout.tests)
    assert recorded.ret == pytest.ExitCode.OK, recorded.stdout.str()
    upgrade.install(layout)
    result = upgrade.start(command, layout.tests)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["regressed: step time is 30.0 % longer than the baseline *"])
