"""What ``auto`` means in a machine, and the conditions that may explain an odd number."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_accel import hardware
from pytest_accel.records import Conditions, Kind


def test_a_machine_without_accelerators_is_a_cpu():
    assert hardware.probe_kind() is Kind.CPU


def test_a_visible_gpu_is_preferred_to_the_cpu(four_v100, install_gpus):
    install_gpus(*four_v100)
    assert hardware.probe_kind() is Kind.GPU


@pytest.mark.parametrize("mask", ["", "-1", "NoDevFiles", "7"])
def test_hidden_gpus_are_no_gpus(four_v100, install_gpus, monkeypatch, mask):
    install_gpus(*four_v100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert hardware.probe_kind() is Kind.CPU


def test_tpu_nodes_are_a_tpu_also_beside_a_gpu(four_v100, install_gpus, tmp_path):
    install_gpus(*four_v100)
    (tmp_path / "dev" / "accel0").touch()
    assert hardware.probe_kind() is Kind.TPU


def test_tpu_name_is_a_tpu(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "local")
    assert hardware.probe_kind() is Kind.TPU


def test_vfio_nodes_are_a_tpu_only_with_a_tpu_on_the_bus(pci_device, vfio_nodes):
    vfio_nodes(1)
    pci_device("0000:00:03.0", device="0x0042")  # the network card of every Google machine
    assert hardware.probe_kind() is Kind.CPU
    pci_device("0000:00:04.0", device="0x0063")
    assert hardware.probe_kind() is Kind.TPU


def test_other_vendors_accelerator_folder_is_no_tpu(tmp_path):
    (tmp_path / "dev" / "accel").mkdir()
    (tmp_path / "dev" / "accel" / "accel0").touch()
    assert hardware.probe_kind() is Kind.CPU


def test_this_machines_conditions():
    seen = hardware.conditions(Kind.CPU, [])
    assert seen.load_average is not None
    assert seen.load_average >= 0
    assert (seen.throttle_reasons, seen.foreign_processes) == ((), ())


def test_load_is_divided_by_all_cores_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (6.0, 1.0, 1.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert hardware.conditions(Kind.CPU, []).load_average == 1.5


def test_a_load_that_cannot_be_read_is_left_out(monkeypatch):
    monkeypatch.delattr(os, "getloadavg")
    assert hardware.conditions(Kind.CPU, []).load_average is None


def test_merging_keeps_the_first_load_and_all_that_slowed():
    before = Conditions(0.1, ("thermal",), ("pid 1 (a)",))
    during = Conditions(1.9, ("power cap", "thermal"), ("pid 2 (b)", "pid 1 (a)"))
    merged = hardware.merge([before, during])
    assert merged == Conditions(0.1, ("thermal", "power cap"), ("pid 1 (a)", "pid 2 (b)"))
    assert hardware.merge([]) == Conditions()


def test_a_quiet_machine_explains_nothing():
    assert hardware.explain(Conditions()) is None
    assert hardware.explain(Conditions(load_average=hardware.BUSY_DURING_RUN_LOAD)) is None


def test_a_disturbed_machine_is_explained_in_one_clause():
    seen = Conditions(1.8, ("thermal", "power cap"), ("pid 1234 (python3)",))
    assert hardware.explain(seen) == (
        "the machine was loaded (1.8 per core) when the run began; the GPU throttled (thermal, power cap); "
        "others used the GPU (pid 1234 (python3))"
    )


def test_importing_takes_neither_numpy_nor_pynvml():
    code = (
        "import sys, pytest_accel.hardware, pytest_accel.worker.provenance\n"
        "print(sorted({'numpy', 'pynvml', 'tensorflow', 'jax', 'keras'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
