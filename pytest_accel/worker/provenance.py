"""What is under test beside the user's step: versions, driver and flags. Runs in the worker, stdlib only."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from pytest_accel import frameworks
from pytest_accel.analysis.provenance_diff import PACKAGES, VARIABLES
from pytest_accel.hardware.cpu import model_name

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

_OTHER_LIBTPU = os.environ.get("TPU_LIBRARY_PATH")
"""As the user set it: JAX sets it too, once it is imported."""

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
    if _OTHER_LIBTPU:
        facts["libtpu"] = f"that of TPU_LIBRARY_PATH={_OTHER_LIBTPU}"  # the installed one is not loaded
    return {name: value for name, value in sorted(facts.items()) if value}


def collect(name: str) -> dict[str, str]:
    """:func:`provenance`, and what a framework that we know tells about itself beside it."""
    known = frameworks.load(name).provenance() if name in frameworks.BUILT_IN else {}
    return dict(sorted({**provenance(), **known}.items()))


def beside_known(packages: Mapping[str, str]) -> dict[str, str]:
    """Those of ``packages``, versions by normalized name, that :func:`provenance` does not know as one."""
    known = {alias for aliases in _DISTRIBUTIONS.values() for alias in aliases}
    return {name: version for name, version in sorted(packages.items()) if name not in known}


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
