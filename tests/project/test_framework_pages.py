"""The pages on one framework each: their benchmarks run as they are, where the framework is installed."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FILE = runpy.run_path(str(DOCS / "site/outputs.py"))["FILE"]

PAGES = {"keras": ["keras"], "flax-and-optax": ["flax", "optax"], "pytorch": ["torch", "lightning"]}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_benchmarks_of_a_page_run(pytester, monkeypatch, page):
    for package in PAGES[page]:
        pytest.importorskip(package)
    monkeypatch.delenv("CI", raising=False)
    files = dict(FILE.findall((DOCS / f"{page}.md").read_text()))
    assert files
    for name, source in files.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    result = pytester.runpytest_subprocess(
        "benchmarks", "--accel-runs=1", "--accel-budget=2", "--accel-wait=0"
    )
    assert set(result.parseoutcomes()) - {"warning", "warnings"} == {"no_baseline"}
