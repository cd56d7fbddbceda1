"""What is under test beside the user's step: versions, driver and flags. Runs in the child, stdlib only."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from pytest_accel import frameworks
from pytest_accel.hardware.cpu import model_name

FRAMEWORKS = ("tensorflow", "keras", "jax", "jaxlib", "torch")

PACKAGES = (
    *FRAMEWORKS,
    "libtpu",
    "numpy",
    "nvidia-cublas",
    "nvidia-cuda-runtime",
    "nvidia-cudnn",
    "nvidia-nccl",
    "pytest",
    "pytest-accel",
)

# One package, several distributions: whichever is installed counts, so that only versions are compared.
_DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-tpu", "tf-nightly"),
    "libtpu": ("libtpu", "libtpu-nightly"),
    "nvidia-cublas": ("nvidia-cublas", "nvidia-cublas-cu13", "nvidia-cublas-cu12", "nvidia-cublas-cu11"),
    "nvidia-cuda-runtime": (
        "nvidia-cuda-runtime",
        "nvidia-cuda-runtime-cu13",
        "nvidia-cuda-runtime-cu12",
        "nvidia-cuda-runtime-cu11",
    ),
    "nvidia-cudnn": ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11"),
    "nvidia-nccl": ("nvidia-nccl-cu13", "nvidia-nccl-cu12", "nvidia-nccl-cu11"),
}

# Variables that change the speed of a step. Named one by one: a prefix could carry a secret into a file.
VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_ENABLE_X64",
    "KERAS_BACKEND",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "LD_PRELOAD",
    "LIBTPU_INIT_ARGS",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_NUM_THREADS",
    "TF_CUDNN_DETERMINISTIC",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_GPU_ALLOCATOR",
    "TF_GPU_THREAD_MODE",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def provenance(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """What is known of this process's environment, sorted by name; imports none of ``packages``.

    Packages and environment variables stand under their own names, beside ``cpu``, ``governor``,
    ``nvidia-driver``, ``os`` and ``python``.
    """
    facts = {
        "cpu": model_name(),
        "governor": _first_line(GOVERNOR),
        "nvidia-driver": _nvidia_driver(),
        "os": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: version(package) for package in packages},
        **{variable: os.environ.get(variable) for variable in VARIABLES},
    }
    return {name: value for name, value in sorted(facts.items()) if value}


def of_framework(name: str) -> dict[str, str]:
    """:func:`provenance`, and what a framework that we know tells about itself beside it."""
    known = frameworks.load(name).provenance() if name in frameworks.NAMES else {}
    return dict(sorted({**provenance(), **known}.items()))


def beside_known(packages: Mapping[str, str]) -> dict[str, str]:
    """Those of ``packages``, versions by normalized name, that :func:`provenance` does not know as one."""
    known = {alias for aliases in _DISTRIBUTIONS.values() for alias in aliases}
    return {name: version for name, version in sorted(packages.items()) if name not in known}


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """What differs, such as "tensorflow 2.20.0 -> 2.21.0": the frameworks first, then by name."""
    differing = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    differing.sort(key=_framework_order)
    return tuple(f"{name} {_shown(name, old)} -> {_shown(name, new)}" for name in differing)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What differs between whole environments: :func:`changes`, and a sentence for each one's own packages.

    A package that is installed on one side only is most often a tool, so it is not among the changes.
    """
    known = {*PACKAGES, *VARIABLES} - {"pytest-accel"}  # which is brought along
    apart = {name for name in old.keys() ^ new.keys() if name not in known}
    changed = changes(
        {name: value for name, value in old.items() if name not in apart},
        {name: value for name, value in new.items() if name not in apart},
    )
    sides = (("here", new), ("in the other environment", old))
    own = [(where, sorted((apart & facts.keys()) - {"pytest-accel"})) for where, facts in sides]
    return changed, tuple(f"installed {where} only: {', '.join(names)}" for where, names in own if names)


def _framework_order(name: str) -> int:
    return FRAMEWORKS.index(name) if name in FRAMEWORKS else len(FRAMEWORKS)


def _shown(name: str, facts: Mapping[str, str]) -> str:
    return facts.get(name, "(unset)" if name.isupper() else "(absent)")


def version(package: str) -> str | None:
    """Of an installed package, whichever distribution it came with; None if it is not installed."""
    for distribution in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _nvidia_driver() -> str | None:
    """The version in a line as "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19"."""
    match = re.search(r"\s(\d+(?:\.\d+)+)\s", _first_line(NVIDIA_DRIVER) + " ")
    return match[1] if match else None


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
