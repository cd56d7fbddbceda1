"""The documentation as a site, built as it is published: strictly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_accel.api.options import OPTIONS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", f"--site-dir={folder}"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_of_the_documentation_is_there(site):
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}

    assert {page for page in pages if not (site / page / "index.html").exists()} == set()


def test_the_home_page_is_the_readme_with_links_that_lead_on(site):
    home = (site / "index.html").read_text()

    assert "pytest-accel is a pytest plugin for performance regression tests of model training" in home
    assert 'href="several-hosts/"' in home
    assert 'href="docs/' not in home


def test_the_options_are_those_of_the_table(site):
    options = (site / "options/index.html").read_text()

    assert {option.flag for option in OPTIONS if option.flag not in options} == set()
    assert "accel_tolerance" in options


def test_the_api_comes_from_the_docstrings(site):
    api = (site / "api/index.html").read_text()

    assert "Measures one training step, or training to a target." in api
    for name in ("throughput", "convergence", "measure", "input_pipeline"):
        assert f'id="pytest_accel.api.accel.Accel.{name}"' in api


def test_pages_ask_no_other_server_for_anything(site):
    for page in site.rglob("*.html"):
        assert not re.findall(r"<(?:link|script|img)[^>]+(?:src|href)=\"https?://[^\"]+", page.read_text())


def test_pictures_ask_no_server_either(site):
    pictures = sorted((site / "pictures").iterdir())

    assert {picture.suffix for picture in pictures} == {".png", ".svg"}
    for picture in pictures:
        if picture.suffix == ".svg":
            assert not re.findall(r"(?:url\(|href=)[\"']?(?:https?:)?//", picture.read_text())
