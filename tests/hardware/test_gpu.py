"""GPUs, simulated: which a process sees, their identity, and what disturbs them."""

from __future__ import annotations

import sys

import pytest

from pytest_accel import hardware
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError

V100 = "Tesla V100-SXM2-16GB"
GIB = 2**30


def test_four_gpus_of_one_model(four_v100, install_gpus):
    install_gpus(*four_v100)
    found = hardware.accelerator(Kind.GPU)
    assert found.identity == "gpu-4x-tesla-v100-sxm2-16gb"
    assert (found.model, found.devices, found.memory_bytes) == (V100, 4, 16 * GIB)


def test_mixed_gpus_are_all_named(fake_gpu, four_v100, install_gpus):
    a100 = fake_gpu("NVIDIA A100-SXM4-40GB", "GPU-9", memory=40 * GIB)
    install_gpus(*four_v100[:2], a100)
    found = hardware.accelerator(Kind.GPU)
    assert found.identity == "gpu-1x-a100-sxm4-40gb-2x-tesla-v100-sxm2-16gb"
    assert found.model == "1x NVIDIA A100-SXM4-40GB + 2x Tesla V100-SXM2-16GB"
    assert (found.devices, found.memory_bytes) == (3, 16 * GIB)


def test_the_first_gpus_are_used(fake_gpu, four_v100, install_gpus):
    install_gpus(fake_gpu("NVIDIA H200", "GPU-9"), *four_v100)
    found = hardware.accelerator(Kind.GPU, devices=2)
    assert (found.identity, found.devices) == ("gpu-1x-h200-1x-tesla-v100-sxm2-16gb", 2)
    with pytest.raises(
        UserError, match=r"^--accel-devices=6: there are 5 GPUs to be used here, so give at most"
    ):
        hardware.accelerator(Kind.GPU, devices=6)


@pytest.mark.parametrize("name", ["NVIDIA H200", "H200"])
def test_a_driver_that_adds_the_makers_name_leaves_the_identity(fake_gpu, install_gpus, name):
    install_gpus(fake_gpu(name, "GPU-1"))
    assert hardware.accelerator(Kind.GPU).identity == "gpu-1x-h200"


@pytest.mark.parametrize(
    ("mask", "devices"),
    [("0", 1), ("2,1", 2), ("0,2,-1,1", 2), ("GPU-1abc-1,GPU-3", 2), ("3,9,0", 1), ("0, 1", 2)],
)
def test_cuda_visible_devices_chooses_gpus(four_v100, install_gpus, monkeypatch, mask, devices):
    install_gpus(*four_v100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert hardware.accelerator(Kind.GPU).devices == devices


def test_an_ambiguous_uuid_prefix_names_no_gpu(four_v100, install_gpus, monkeypatch):
    install_gpus(*four_v100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-")
    assert hardware.probe_kind() is Kind.CPU


@pytest.mark.parametrize("mask", [None, "0", "MIG-77"])
def test_one_mig_device_is_what_a_process_sees(fake_gpu, install_gpus, monkeypatch, mask):
    slices = [fake_gpu("NVIDIA H200 MIG 1g.18gb", f"MIG-7{digit}", memory=18 * GIB) for digit in "78"]
    install_gpus(fake_gpu("NVIDIA H200", "GPU-1", migs=slices, throttle=0x4, memory=141 * GIB))
    if mask is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    found = hardware.accelerator(Kind.GPU)
    assert (found.identity, found.memory_bytes) == ("gpu-1x-h200-mig-1g.18gb", 18 * GIB)
    assert hardware.conditions(Kind.GPU, []).throttle_reasons == ("power cap",)


def test_an_unknown_mig_device_hides_all(four_v100, install_gpus, monkeypatch):
    install_gpus(*four_v100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-none")
    assert hardware.probe_kind() is Kind.CPU


def test_memory_shared_with_the_cpu_is_unknown(fake_gpu, install_gpus):
    install_gpus(fake_gpu("NVIDIA GB10", "GPU-1", memory=None))
    assert hardware.accelerator(Kind.GPU).memory_bytes is None


def test_an_absent_gpu_has_no_conditions():
    seen = hardware.conditions(Kind.GPU, [])
    assert (seen.throttle_reasons, seen.foreign_processes) == ((), ())


@pytest.mark.parametrize("old_driver", [False, True])
def test_a_gpu_that_throttles_says_why(fake_gpu, install_gpus, old_driver):
    hot = fake_gpu(V100, "GPU-1", throttle=0x40 | 0x4 | 0x1)
    hotter = fake_gpu(V100, "GPU-2", throttle=0x40 | 0x8)
    install_gpus(hot, hotter, old_driver=old_driver)
    reasons = hardware.conditions(Kind.GPU, []).throttle_reasons
    assert reasons == ("power cap", "hardware thermal", "hardware slowdown")


def test_an_idle_gpu_at_its_set_clocks_does_not_throttle(fake_gpu, install_gpus):
    install_gpus(fake_gpu(V100, "GPU-1", throttle=0x1 | 0x2 | 0x10))
    assert hardware.conditions(Kind.GPU, []).throttle_reasons == ()


def test_foreign_processes_are_named_and_ours_are_not(fake_gpu, install_gpus):
    gpu = fake_gpu(V100, "GPU-1", pids=(10, 1234, 99))
    install_gpus(gpu, commands={10: "/usr/bin/python3", 1234: "/usr/bin/python3 train.py"})
    # 99 has no name here: a number of the host, seen from a container, that may be our own.
    assert hardware.conditions(Kind.GPU, {10}).foreign_processes == ("pid 1234 (python3)",)


def test_hidden_gpus_are_not_looked_at(fake_gpu, install_gpus, monkeypatch):
    busy = fake_gpu(V100, "GPU-1", throttle=0x40, pids=(1234,))
    install_gpus(fake_gpu(V100, "GPU-0"), busy, commands={1234: "python3"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    seen = hardware.conditions(Kind.GPU, [])
    assert (seen.throttle_reasons, seen.foreign_processes) == ((), ())


def test_the_simulated_driver_has_no_call_that_the_real_one_lacks(install_gpus):
    real = pytest.importorskip("pynvml")
    install_gpus()
    calls = [name for name in vars(sys.modules["pynvml"]) if name.lower().startswith("nvml")]
    assert [name for name in calls if not hasattr(real, name)] == []
    assert real.NVML_DEVICE_MIG_ENABLE == 1
