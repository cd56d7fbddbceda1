"""Trees of tests and baselines for ``pytest-accel prune --yes``: what may be alive stays, whatever is odd.

Each tree has some tests that exist, some that were removed, and one or two oddities that hide tests or lead
elsewhere. A baseline is removed only if its test is really gone, and nothing outside of the folder changes.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import one_update
from project import Project, project
from trial import Trial

from pytest_accel.baselines import BaselineStore
from pytest_accel.records import AcceptedEntry, Baseline, Benchmark, Steps

TRIALS = 36

TEST = "def {name}(accel):\n    accel.measure(lambda: None, examples_per_step=1)\n"

Alive = set[str]
"""Names of benchmarks that exist somewhere, under some option or on some machine."""


def trials() -> Iterator[Trial]:
    for number in range(TRIALS):
        yield Trial("prune", f"tree {number}", one)


def one(rng: random.Random) -> list[str]:
    with project("") as made, tempfile.TemporaryDirectory() as outside:
        elsewhere = Path(outside)
        alive = {"test_it.py::test_step"}
        made.write("test_it.py", TEST.format(name="test_step"))
        oddities = rng.sample(ODDITIES, rng.randint(0, 2))
        identity = rng.choice(("machine", "tpu-lab", "gpu", "any-cpu", "cpu-2"))
        for oddity in oddities:
            alive |= oddity(made, elsewhere)
        gone = {"test_it.py::test_removed", "test_gone.py::test_step"}
        for name in sorted(alive | gone):
            accept(made.folder / "baselines", identity, name)
        linked = rng.random() < 0.2
        if linked:  # the folder of the hardware lies elsewhere
            hardware = made.folder / "baselines" / identity
            hardware.rename(elsewhere / "hardware")
            hardware.symlink_to(elsewhere / "hardware")
        before = {path.name for path in elsewhere.rglob("*.json")}
        stored = names(made.folder / "baselines", identity)
        dry = prune(made, "--dry-run")
        untouched = names(made.folder / "baselines", identity) == stored
        done = prune(made, "--yes")
        left = names(made.folder / "baselines", identity)
        what = f"{[oddity.__name__ for oddity in oddities]}, {identity}"
        found = [] if untouched else [f"--dry-run removed something ({what})"]
        found += [f"{name} was removed ({what}): {done.stdout}" for name in sorted(alive - left)]
        if not oddities and not linked and left != alive:
            found.append(f"{sorted(left - alive)} stayed: {done.stdout}{done.stderr}")
        if {path.name for path in elsewhere.rglob("*.json")} != before:
            found.append(f"files elsewhere are gone ({what})")
        for answer in (dry, done):
            if answer.returncode not in (0, 1, 2) or answer.stderr.startswith("Traceback"):
                found.append(answer.stderr[-500:])
        return found


def prune(made: Project, option: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_accel.cli.main", "prune", option]
    return subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False, timeout=300)


def accept(baselines: Path, identity: str, name: str) -> None:
    steps = Steps((0.1,) * 10, 1, 1.0, 1.0, 1.0, 1.0, 1)
    entry = AcceptedEntry("2026-01-01T00:00:00+00:00", {}, {"step_time_s": 0.1}, (steps,))
    BaselineStore(baselines, identity).accept(Benchmark(name), one_update.WORKLOAD, entry)


def names(baselines: Path, identity: str) -> set[str]:
    stored = BaselineStore(baselines, identity).load_all()
    return {baseline.benchmark for _, baseline in stored if isinstance(baseline, Baseline)}


SIZES = """
def pytest_addoption(parser):
    parser.addoption("--large", action="store_true")

def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        metafunc.parametrize("size", ["large" if metafunc.config.getoption("--large") else "small"])
"""

MADE = """
import os

def make():
    def test(accel):
        accel.measure(lambda: None, examples_per_step=1)
    return test

for number in range(int(os.environ.get("MANY", 1))):
    globals()[f"test_{number}"] = make()
"""

COMMON = """
import os

class Common:
    if "MORE" in os.environ:
        def test_more(self, accel):
            accel.measure(lambda: None, examples_per_step=1)
"""

INHERITS = """
from common import Common

class TestIt(Common):
    def test_one(self, accel):
        accel.measure(lambda: None, examples_per_step=1)
"""


def hidden_by_an_option(made: Project, _: Path) -> Alive:
    made.write("conftest.py", SIZES)
    made.write("test_sizes.py", TEST.format(name="test_size").replace("(accel)", "(accel, size)"))
    return {"test_sizes.py::test_size[small]", "test_sizes.py::test_size[large]"}


def hidden_by_a_variable(made: Project, _: Path) -> Alive:
    body = "    " + TEST.format(name="test_nightly").replace("\n    ", "\n        ")
    made.write("test_night.py", f"import os\nif 'NIGHTLY' in os.environ:\n{body}")
    return {"test_night.py::test_nightly"}


def hidden_by_a_missing_module(made: Project, _: Path) -> Alive:
    made.write("test_other.py", "import no_such_module\n" + TEST.format(name="test_other"))
    return {"test_other.py::test_other"}


def hidden_by_importorskip(made: Project, _: Path) -> Alive:
    made.write(
        "test_skip.py", "import pytest\npytest.importorskip('no_such_module')\n" + TEST.format(name="test_s")
    )
    return {"test_skip.py::test_s"}


def hidden_by_a_syntax_error(made: Project, _: Path) -> Alive:
    made.write("test_broken.py", TEST.format(name="test_broken") + "def\n")
    return {"test_broken.py::test_broken"}


def hidden_by_ignore(made: Project, _: Path) -> Alive:
    made.write("sub/conftest.py", "collect_ignore = ['test_ignored.py']\n")
    made.write("sub/test_ignored.py", TEST.format(name="test_ignored"))
    return {"sub/test_ignored.py::test_ignored"}


def made_by_code(made: Project, _: Path) -> Alive:
    made.write("test_made.py", MADE)
    return {"test_made.py::test_0", "test_made.py::test_7"}


def inherited(made: Project, _: Path) -> Alive:
    made.write("common.py", COMMON)
    made.write("test_class.py", INHERITS)
    return {"test_class.py::TestIt::test_more", "test_class.py::TestIt::test_one"}


def odd_folder(made: Project, _: Path) -> Alive:
    made.write("a::b/test_in.py", TEST.format(name="test_in"))
    return {"a::b/test_in.py::test_in"}


def linked_file(made: Project, elsewhere: Path) -> Alive:
    target = elsewhere / "test_linked.py"
    target.write_text(TEST.format(name="test_linked"))
    (made.folder / "test_linked.py").symlink_to(target)
    return {"test_linked.py::test_linked"}


def dangling_link(made: Project, elsewhere: Path) -> Alive:
    (made.folder / "test_dangling.py").symlink_to(elsewhere / "not_mounted.py")
    return {"test_dangling.py::test_dangling"}


def sparse_checkout(made: Project, _: Path) -> Alive:
    """The file is in the index, and not checked out."""
    git = ["git", "-C", str(made.folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    file = made.write("far/test_far.py", TEST.format(name="test_far"))
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"],
                    ["update-index", "--skip-worktree", "far/test_far.py"]):  # fmt: skip
        subprocess.run([*git, *command], check=True, capture_output=True)
    file.unlink()
    return {"far/test_far.py::test_far"}


ODDITIES: tuple[Callable[[Project, Path], Alive], ...] = (
    hidden_by_an_option,
    hidden_by_a_variable,
    hidden_by_a_missing_module,
    hidden_by_importorskip,
    hidden_by_a_syntax_error,
    hidden_by_ignore,
    made_by_code,
    inherited,
    odd_folder,
    linked_file,
    dangling_link,
    sparse_checkout,
)
