"""The CPU: model names of various makers, and the cores and memory a process may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_accel import hardware
from pytest_accel.hardware import cpu
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError

GIB = 2**30


def test_this_machines_cpu():
    found = hardware.accelerator(Kind.CPU)
    assert found.kind is Kind.CPU
    assert found.devices == 1
    assert found.identity.startswith("cpu-")
    assert found.identity.endswith(("-core", "-cores"))
    assert found.memory_bytes is None or found.memory_bytes > 100 * 2**20


def test_a_cpu_divided_into_logical_devices_is_other_hardware():
    whole, divided = hardware.accelerator(Kind.CPU), hardware.accelerator(Kind.CPU, devices=4)
    assert divided.identity == f"{whole.identity}-4-devices"
    assert (divided.devices, divided.memory_bytes) == (4, whole.memory_bytes)
    assert hardware.accelerator(Kind.CPU, devices=1) == whole


def test_a_cpu_is_not_divided_without_end():
    with pytest.raises(
        UserError, match=r"^--accel-devices=65: a CPU is divided into 64 logical devices at most"
    ):
        hardware.accelerator(Kind.CPU, devices=65)


X86 = "vendor_id\t: {vendor}\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: {name}\nstepping\t: 7\n\n"


@pytest.mark.parametrize(
    ("brand", "model"),
    [
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "Intel Xeon Platinum 8259CL"),
        ("Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz", "Intel Xeon E5-2673 v4"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "Intel Core i7-1165G7"),
        ("AMD EPYC 7B13", "AMD EPYC 7B13"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("AMD Ryzen 7 5800H with Radeon Graphics", "AMD Ryzen 7 5800H"),
        ("AMD Ryzen 7 7840U w/ Radeon  780M Graphics", "AMD Ryzen 7 7840U"),
        ("AMD Phenom(tm) II X6 1055T Processor", "AMD Phenom II X6 1055T"),
    ],
)
def test_brand_strings_lose_their_noise(brand, model):
    assert cpu.model_in_cpuinfo(X86.format(vendor="any", name=brand) * 2) == model


@pytest.mark.parametrize(
    ("brand", "model"),
    [
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel Xeon family 6 model 85 stepping 7"),
        ("AMD EPYC", "AMD EPYC family 6 model 85 stepping 7"),
    ],
)
def test_brand_strings_without_a_model_number_are_told_apart_by_family(brand, model):
    assert cpu.model_in_cpuinfo(X86.format(vendor="any", name=brand)) == model


def test_arm_has_no_model_name():
    known = "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
    other = known.replace("0x41", "0x61").replace("0xd0c", "0x022")
    assert cpu.model_in_cpuinfo(known) == "ARM Neoverse-N1"
    assert cpu.model_in_cpuinfo(other) == "ARM implementer 0x61 part 0x022"


def test_apple_is_asked_by_sysctl(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    answer = subprocess.CompletedProcess([], 0, stdout="Apple M2 Pro\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert cpu.model_name() == "Apple M2 Pro"


def test_a_cpuinfo_that_names_nothing_leaves_the_machine_type(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert cpu.model_name() == "riscv64"


@pytest.fixture
def control_groups(tmp_path, monkeypatch):
    """Simulates /proc/self/cgroup and limit files in /sys/fs/cgroup, for a process that may use 8 cores."""

    def write(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(cpu, "OWN_CONTROL_GROUPS", tmp_path / "own")
        monkeypatch.setattr(cpu, "CONTROL_GROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    return write


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        (
            "3:cpu,cpuacct:/docker/1f\n",
            {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            1,
        ),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("3:pids:/\n", {}, 8),
    ],
)
def test_a_cpu_quota_limits_the_cores(control_groups, own, files, cores):
    control_groups(own, files)
    assert cpu.usable_cores() == cores


def test_affinity_limits_the_cores(control_groups, monkeypatch):
    control_groups("0::/\n", {"cpu.max": "400000 100000\n"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cpu.usable_cores() == 1
    assert hardware.accelerator(Kind.CPU).identity.endswith("-1-core")


def test_a_memory_limit_is_the_memory(control_groups):
    control_groups("0::/\n", {"memory.max": "1073741824\n"})
    assert hardware.accelerator(Kind.CPU).memory_bytes == GIB


def test_without_a_memory_limit_it_is_the_machines(control_groups):
    control_groups("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"})
    assert cpu.memory_bytes() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
