"""Machines that are not here.

A GPU is simulated by a ``pynvml`` of our own and a TPU by folders that stand for /dev and /sys. What that
cannot show: that a real driver answers in this way, that its errors are of these kinds, and what its MIG
and container support do.
"""

from __future__ import annotations

import sys
import types

import pytest

from pytest_accel.hardware import nvml, tpu

ENVIRONMENT = (
    "ACCELERATOR_TYPE",
    "CUDA_VISIBLE_DEVICES",
    "TPU_ACCELERATOR_TYPE",
    "TPU_NAME",
    "TPU_SKIP_MDS_QUERY",
    "TPU_TOPOLOGY",
    "TPU_WORKER_HOSTNAMES",
)


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    """A machine with neither GPU nor TPU, whatever the tests run on."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "dev").mkdir()
    monkeypatch.setattr(tpu, "DEV", tmp_path / "dev")
    monkeypatch.setattr(tpu, "PCI_DEVICES", tmp_path / "pci")
    monkeypatch.setattr(nvml, "DEV", tmp_path / "dev")


@pytest.fixture
def vfio_nodes(tmp_path):
    def make(count):
        (tmp_path / "dev" / "vfio").mkdir()
        for number in range(count):
            (tmp_path / "dev" / "vfio" / str(number)).touch()

    return make


@pytest.fixture
def pci_device(tmp_path):
    def make(address, *, device, subsystem="0x0000", vendor="0x1ae0"):
        folder = tmp_path / "pci" / address
        folder.mkdir(parents=True)
        for name, text in (("vendor", vendor), ("device", device), ("subsystem_device", subsystem)):
            (folder / name).write_text(text + "\n")

    return make


class NVMLError(Exception):
    pass


class FakeGpu:
    """A GPU, or a MIG device if it has a parent, as the calls below tell of it."""

    def __init__(self, name, uuid, *, throttle=0, pids=(), migs=(), parent=None, memory=16 * 2**30):
        self.name, self.uuid, self.throttle, self.pids = name, uuid, throttle, pids
        self.migs, self.parent, self.memory = list(migs), parent, memory
        self.utilization, self.clock_mhz, self.temperature_c, self.power_limit_mw = 100, 1980, 60, 700_000
        for mig in self.migs:
            mig.parent = self


def fake_pynvml(gpus, *, init_error=None, commands=None, old_driver=False):
    """A module ``pynvml`` that shows these GPUs. ``old_driver`` knows neither MIG nor the newer names."""
    fake = types.ModuleType("pynvml")
    everything = [*gpus, *(mig for gpu in gpus for mig in gpu.migs)]

    def init():
        if init_error:
            raise NVMLError(init_error)

    def by_uuid(uuid):
        for gpu in everything:
            if gpu.uuid == uuid:
                return gpu
        raise NVMLError("Not Found")

    def mig_by_index(gpu, index):
        if index == 0:  # as after the first one was destroyed
            raise NVMLError("Not Found")
        return gpu.migs[index - 1]

    def reasons(gpu):
        if gpu.parent is not None:
            raise NVMLError("Not Supported")
        return gpu.throttle

    def missing(*_):
        raise NVMLError("Function Not Found")

    def memory(gpu):
        if gpu.memory is None:
            raise NVMLError("Not Supported")
        return types.SimpleNamespace(total=gpu.memory)

    def processes(gpu):
        return [types.SimpleNamespace(pid=pid) for pid in gpu.pids]

    def process_name(pid):
        if pid not in (commands or {}):
            raise NVMLError("Not Found")
        return commands[pid]

    def field(name):
        def value(gpu, *_):
            found = getattr(gpu, name)
            if found is None:
                raise NVMLError("Not Supported")
            return found

        return value

    fake.NVMLError = NVMLError
    fake.NVML_CLOCK_SM = 1
    fake.NVML_TEMPERATURE_GPU = 0

    def utilization(gpu):
        if gpu.migs:
            raise NVMLError("Not Supported")
        return types.SimpleNamespace(gpu=field("utilization")(gpu))

    fake.nvmlDeviceGetUtilizationRates = utilization
    fake.nvmlDeviceGetClockInfo = field("clock_mhz")
    fake.nvmlDeviceGetTemperature = field("temperature_c")
    fake.nvmlDeviceGetEnforcedPowerLimit = field("power_limit_mw")
    fake.NVML_DEVICE_MIG_ENABLE = 1
    fake.nvmlInit = init
    fake.nvmlShutdown = lambda: None
    fake.nvmlDeviceGetCount = lambda: len(gpus)
    fake.nvmlDeviceGetHandleByIndex = lambda index: gpus[index]
    fake.nvmlDeviceGetHandleByUUID = by_uuid
    fake.nvmlDeviceGetUUID = lambda gpu: gpu.uuid
    fake.nvmlDeviceGetName = lambda gpu: gpu.name
    fake.nvmlDeviceGetMemoryInfo = memory
    fake.nvmlDeviceGetComputeRunningProcesses = processes
    fake.nvmlSystemGetProcessName = process_name
    fake.nvmlDeviceGetCurrentClocksThrottleReasons = reasons
    fake.nvmlDeviceGetCurrentClocksEventReasons = missing if old_driver else reasons
    fake.nvmlDeviceIsMigDeviceHandle = missing if old_driver else lambda gpu: gpu.parent is not None
    fake.nvmlDeviceGetMigMode = missing if old_driver else lambda gpu: [int(bool(gpu.migs)), 0]
    fake.nvmlDeviceGetMaxMigDeviceCount = lambda gpu: len(gpu.migs) + 1
    fake.nvmlDeviceGetMigDeviceHandleByIndex = mig_by_index
    fake.nvmlDeviceGetDeviceHandleFromMigDeviceHandle = lambda gpu: gpu.parent
    return fake


@pytest.fixture
def fake_gpu():
    return FakeGpu


@pytest.fixture
def four_v100():
    return [FakeGpu("Tesla V100-SXM2-16GB", f"GPU-{digit}abc-{digit}") for digit in "1234"]


@pytest.fixture
def install_gpus(tmp_path, monkeypatch):
    def install(*gpus, **settings):
        (tmp_path / "dev" / "nvidiactl").touch()
        monkeypatch.setitem(sys.modules, "pynvml", fake_pynvml(gpus, **settings))

    return install
