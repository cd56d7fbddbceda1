"""The state of GPUs, simulated, while a benchmark runs on them."""

from __future__ import annotations

from pytest_accel.hardware.gpu_watch import GpuWatch
from pytest_accel.records.noise import GpuState


def test_without_a_gpu_nothing_is_seen():
    watch = GpuWatch()
    watch.sample()
    assert watch.states() == ()


def test_each_gpu_has_the_range_of_its_clock_and_its_highest_temperature(fake_gpu, install_gpus):
    first, second = fake_gpu("NVIDIA H200", "GPU-1"), fake_gpu("NVIDIA H200", "GPU-2")
    install_gpus(first, second)
    watch = GpuWatch()
    for first.clock_mhz, first.temperature_c in ((345, 40), (1980, 60), (1410, 70), (1700, 65), (210, 50)):
        watch.sample()
    assert watch.states() == (
        GpuState("GPU-1", 700.0, 70, 1410, 1980),
        GpuState("GPU-2", 700.0, 60, 1980, 1980),
    )


def test_the_clock_of_an_idle_gpu_says_nothing(fake_gpu, install_gpus):
    gpu = fake_gpu("NVIDIA H200", "GPU-1")
    install_gpus(gpu)
    watch = GpuWatch()
    busy = [(90, 1200), (90, 1980), (90, 1500)]
    for gpu.utilization, gpu.clock_mhz in [(0, 345), *busy, (10, 210), (90, 900), (90, 1000), (0, 345)]:
        watch.sample()
    assert watch.states() == (GpuState("GPU-1", 700.0, 60, 1980, 1980),)


def test_what_a_driver_does_not_tell_is_left_out(fake_gpu, install_gpus):
    gpu = fake_gpu("NVIDIA H200", "GPU-1")
    gpu.utilization = gpu.temperature_c = gpu.power_limit_mw = None
    install_gpus(gpu)
    watch = GpuWatch()
    watch.sample()
    watch.sample()
    assert watch.states() == (GpuState("GPU-1"),)


def test_a_mig_device_has_the_state_of_its_gpu(fake_gpu, install_gpus):
    slices = [fake_gpu("NVIDIA H200 MIG 1g.18gb", "MIG-77")]
    install_gpus(fake_gpu("NVIDIA H200", "GPU-1", migs=slices))
    watch = GpuWatch()
    for _ in range(3):
        watch.sample()
    assert watch.states() == (GpuState("GPU-1", 700.0, 60),), "NVML tells no utilization of a GPU in MIG mode"
