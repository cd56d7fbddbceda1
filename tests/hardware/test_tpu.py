"""TPUs, simulated: their type, devices and memory from the environment and the PCI bus."""

from __future__ import annotations

import pytest

from pytest_accel import hardware
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError

GIB = 2**30


@pytest.mark.parametrize(
    ("type_name", "identity_name", "model", "devices", "memory_gib"),
    [
        ("v2-8", "tpu-v2-8", "TPU v2", 8, 8),
        ("v4-8", "tpu-v4-8", "TPU v4", 4, 32),
        ("v5litepod-4", "tpu-v5litepod-4", "TPU v5e", 4, 16),
        ("v5p-8", "tpu-v5p-8", "TPU v5p", 4, 95),
        ("V6E-4", "tpu-v6e-4", "TPU v6e", 4, 32),
        ("tpu7x-8", "tpu-7x-8", "TPU7x", 8, 96),
    ],
)
@pytest.mark.parametrize("variable", ["TPU_ACCELERATOR_TYPE", "ACCELERATOR_TYPE"])
def test_the_environment_names_the_tpu_type(
    monkeypatch, variable, type_name, identity_name, model, devices, memory_gib
):
    monkeypatch.setenv("TPU_NAME", "local")
    monkeypatch.setenv(variable, type_name)
    found = hardware.accelerator(Kind.TPU)
    assert (found.identity, found.model, found.devices) == (identity_name, model, devices)
    assert (found.hosts, found.memory_bytes) == (1, memory_gib * GIB)


def test_a_slice_is_used_as_a_whole(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "local")
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v2-8")
    assert hardware.accelerator(Kind.TPU, devices=8) == hardware.accelerator(Kind.TPU)
    with pytest.raises(
        UserError, match=r"^--accel-devices=4: a TPU slice is used as a whole, and v2-8 has 8 dev"
    ):
        hardware.accelerator(Kind.TPU, devices=4)


def test_a_slice_of_several_hosts(monkeypatch, tmp_path):
    (tmp_path / "dev" / "accel0").touch()
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v4-32")
    monkeypatch.setenv("TPU_TOPOLOGY", "2x2x4")
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "t-0,t-1,t-2,t-3")
    found = hardware.accelerator(Kind.TPU)
    assert found.identity == "tpu-v4-32-2x2x4-4-hosts"
    assert (found.devices, found.topology, found.hosts) == (16, "2x2x4", 4)


@pytest.mark.parametrize(
    ("device", "subsystem", "chips", "identity_name", "devices"),
    [
        ("0x0027", "0x004e", 4, "tpu-v2-8", 8),
        ("0x0027", "0x004f", 4, "tpu-v3-8", 8),
        ("0x005e", "0x0000", 4, "tpu-v4-8", 4),
        ("0x0063", "0x0000", 1, "tpu-v5litepod-1", 1),
        ("0x006f", "0x0000", 8, "tpu-v6e-8", 8),
    ],
)
def test_without_a_type_the_pci_bus_tells(
    pci_device, vfio_nodes, device, subsystem, chips, identity_name, devices
):
    vfio_nodes(chips)
    for number in range(chips):
        pci_device(f"0000:00:0{number}.0", device=device, subsystem=subsystem)
    pci_device("0000:01:00.0", device=device, vendor="0x10de")
    found = hardware.accelerator(Kind.TPU)
    assert (found.identity, found.devices) == (identity_name, devices)


def test_a_newer_generation_is_taken_by_its_number(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "local")
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v9-16")
    found = hardware.accelerator(Kind.TPU)
    assert (found.identity, found.model, found.devices) == ("tpu-v9-16", "TPU v9", 16)
    assert found.memory_bytes is None
