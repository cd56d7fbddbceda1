"""TensorFlow and the accelerator: make it ready, and say which one TensorFlow works on."""

from __future__ import annotations

import contextlib
import functools
import os
import textwrap

import tensorflow as tf

from pytest_accel.records import Hosts, Kind


def start(kind: Kind, devices: int = 1, hosts: Hosts | None = None) -> None:
    """Make the accelerator ready, before anything else uses TensorFlow. May be called again.

    ``devices`` are those of all ``hosts`` together. Raises RuntimeError if TensorFlow does not see that many
    devices of that kind, with what it does see.
    """
    if kind is Kind.TPU:
        tpu_strategy()
    elif kind is Kind.GPU:
        _use_gpus()
    else:
        _hide_gpus()
        if hosts is None and devices > 1:
            _divide_cpu(devices)
    if hosts is not None:
        _over_hosts.join(hosts)
    seen = strategy().num_replicas_in_sync
    if seen != devices:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} sees {seen} {kind.upper()} devices, but {devices} were requested: "
            "check CUDA_VISIBLE_DEVICES, or use TensorFlow only inside the test."
        )


def kind_in_use() -> Kind:
    """The kind of accelerator that TensorFlow computes on in this process."""
    for kind in (Kind.TPU, Kind.GPU):
        if tf.config.list_logical_devices(kind.upper()):
            return kind
    return Kind.CPU


def strategy() -> tf.distribute.Strategy:
    """How a step is spread over the devices: a replica on each TPU core, GPU, or logical device of a CPU."""
    return _over_hosts.strategy or local_strategy()


def local_strategy() -> tf.distribute.Strategy:
    """The same over the devices of this host."""
    kind = kind_in_use()
    if kind is Kind.TPU:
        return tpu_strategy()
    names = [device.name for device in tf.config.list_logical_devices(kind.upper())]
    devices = tuple(name for name in names if _over_hosts.here in name)
    return _mirrored(devices) if len(devices) > 1 else tf.distribute.get_strategy()


def xla() -> bool | None:
    """Whether to let XLA compile a step; None leaves it to the strategy.

    On a TPU the strategy brings XLA with it; that of several GPUs cannot be inside of what XLA compiles. On a
    CPU, XLA takes nearly twice as long: ResNet-50, 8 images of 224x224, 2 cores, TensorFlow 2.21: 2.50 s
    against 1.35 s in float32, 1.71 s against 0.85 s in mixed_bfloat16.
    """
    return (kind_in_use() is Kind.GPU and strategy().num_replicas_in_sync == 1) or None


@functools.cache  # Initializing the TPU system again would lose what it holds.
def tpu_strategy() -> tf.distribute.TPUStrategy:
    """All cores of the TPU named by the variable TPU_NAME, by default of this machine's own.

    Raises RuntimeError if it cannot be reached.
    """
    name = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu=name)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} cannot reach the TPU {name!r}, it sees {_seen()}. Install a build "
            f"for TPUs (pip install 'pytest-accel[tpu]'), look at TPU_NAME, end other processes that "
            f"hold the TPU, or run with --accel=cpu. It says: {_first_line(error)}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


class _OverHosts:
    """The strategy over several hosts, whose processes meet once. ``here`` is in the names of own devices."""

    strategy: tf.distribute.MultiWorkerMirroredStrategy | None = None
    here = ""

    def join(self, hosts: Hosts) -> None:
        if self.strategy is None:
            self.strategy = _multi_worker(hosts)
            self.here = f"/task:{hosts.index}/"


_over_hosts = _OverHosts()


def _multi_worker(hosts: Hosts) -> tf.distribute.MultiWorkerMirroredStrategy:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(hosts.addresses)}),
        task_type="worker",
        task_id=hosts.index,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


@functools.cache  # Variables, data and steps have to come from one and the same.
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    return tf.distribute.MirroredStrategy(devices)


def _use_gpus() -> None:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} sees no GPU, only {_seen()}. Install a build for CUDA "
            f"(pip install 'pytest-accel[gpu]'), look at CUDA_VISIBLE_DEVICES, or run with --accel=cpu."
        )
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)


def _hide_gpus() -> None:
    """Without this, TensorFlow would take a GPU where there is one."""
    if not tf.config.list_physical_devices("GPU"):
        return
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} is to run on the CPU, but has started and sees {_seen()}. Set "
            f"CUDA_VISIBLE_DEVICES=-1, or use TensorFlow only inside the test."
        ) from error


def _divide_cpu(devices: int) -> None:
    """Has to come before TensorFlow starts; what it has started with is looked at afterwards."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)


def _seen() -> str:
    devices = tf.config.list_physical_devices()
    return ", ".join(device.name.removeprefix("/physical_device:") for device in devices)


def _first_line(error: Exception) -> str:
    return textwrap.shorten(str(error).partition("\n")[0], 200)
