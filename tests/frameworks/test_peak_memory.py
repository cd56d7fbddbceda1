"""The most memory that a process has held. GPU memory is asked of stand-ins for the frameworks."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from support.fake_module import FakeModule

from pytest_accel.frameworks.introspection import peak_memory_bytes
from pytest_accel.records import Kind

pytestmark = pytest.mark.usefixtures("no_framework")

PEAKS = """
from pytest_accel.frameworks.introspection import peak_memory_bytes
from pytest_accel.records import Kind
before = peak_memory_bytes(Kind.CPU)
used = bytearray(100 << 20)
print(before, peak_memory_bytes(Kind.CPU))
"""
STARTED_BY_A_LARGE_PROCESS = """
import subprocess, sys
large = bytearray(300 << 20)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


def test_peak_memory_on_a_cpu_is_that_of_this_process_alone():
    command = [sys.executable, "-c", STARTED_BY_A_LARGE_PROCESS, PEAKS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(int, ran.stdout.split())
    assert 2**20 < before < 200 * 2**20
    assert after - before == pytest.approx(100 * 2**20, rel=0.2)


def test_peak_memory_of_an_accelerator_is_unknown_without_a_framework():
    assert peak_memory_bytes(Kind.GPU) is None
    assert peak_memory_bytes(Kind.TPU) is None


def test_peak_memory_of_an_accelerator_that_tensorflow_does_not_see_is_unknown(with_tensorflow):
    assert peak_memory_bytes(Kind.GPU) is None


@pytest.mark.usefixtures("cannot_be_told")
def test_peak_memory_of_an_accelerator_is_what_its_framework_tells(monkeypatch):
    def memory_info(device):
        assert device == "GPU:0"
        return {"current": 5, "peak": 1000}

    config = SimpleNamespace(
        get_visible_devices=lambda kind: [kind], experimental=SimpleNamespace(get_memory_info=memory_info)
    )
    monkeypatch.setitem(sys.modules, "tensorflow", FakeModule("tensorflow", config=config))
    assert peak_memory_bytes(Kind.GPU) == 1000

    monkeypatch.delitem(sys.modules, "tensorflow")
    device = SimpleNamespace(platform="tpu", memory_stats=lambda: {"peak_bytes_in_use": 2000})
    monkeypatch.setitem(sys.modules, "jax", FakeModule("jax", local_devices=lambda: [device]))
    assert peak_memory_bytes(Kind.TPU) == 2000
    assert peak_memory_bytes(Kind.GPU) is None

    cuda = SimpleNamespace(
        is_available=lambda: True, is_initialized=lambda: True, max_memory_allocated=lambda: 3000
    )
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", cuda=cuda))
    assert peak_memory_bytes(Kind.GPU) == 3000
