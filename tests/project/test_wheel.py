"""The wheel is complete: installed elsewhere, it measures a built-in workload in a project of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

ROOT = Path(__file__).parents[2]
BENCHMARK = """
import os
import pytest_accel

if "PYTEST_ACCEL_RUN" not in os.environ:  # a run is sent what the session has
    assert pytest_accel.__file__.startswith(os.environ["WHEEL"])

def test_resnet50(accel):
    accel.throughput("resnet50", global_batch=2, image_size=32)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with nothing in it but the wheel, unpacked."""
    work = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--outdir", str(work / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (work / "dist").glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(work / "site")]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return work / "site"


def test_the_wheel_is_typed_and_licensed(installed):
    names = {str(path.relative_to(installed)) for path in installed.rglob("*")}
    assert "pytest_accel/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)


def test_the_wheel_has_what_is_not_imported(installed):
    package = ROOT / "pytest_accel"
    data = [
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    ]
    templates = list((package / "cli/templates").glob("*.py"))
    wanted = {f"pytest_accel/{path.relative_to(package).as_posix()}" for path in (*data, *templates)}
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*")}
    assert len(templates) >= 4
    assert wanted - names == set()


def test_a_shipped_workload_runs_in_another_project(installed, pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{installed}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    pytester.makepyfile(BENCHMARK)
    monkeypatch.setenv("WHEEL", str(installed))
    result = pytester.runpytest_subprocess("-v", "--accel=cpu", "--accel-budget=1", "--accel-wait=0")
    result.stdout.fnmatch_lines(["*test_resnet50 NO_BASELINE*"])
    assert result.ret == 0
