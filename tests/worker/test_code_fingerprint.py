"""Which changes of code two processes tell each other apart by."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = (
    "import mine, json\n"
    "from pytest_accel.worker import code_fingerprint\n"
    "print(code_fingerprint.fingerprint())"
)


@pytest.fixture
def fingerprint(tmp_path):
    """That of a process which imports mine.py with this content."""

    def of(content):
        (tmp_path / "mine.py").write_text(content)
        path = os.pathsep.join([str(tmp_path), *sys.path])
        ran = subprocess.run(
            [sys.executable, "-B", "-c", SCRIPT],
            env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return ran.stdout

    return of


def test_the_same_code_is_the_same_in_every_process(fingerprint):
    assert fingerprint("LAYERS = 50") == fingerprint("LAYERS = 50")


def test_a_changed_module_is_another(fingerprint):
    assert fingerprint("LAYERS = 50") != fingerprint("LAYERS = 101")
