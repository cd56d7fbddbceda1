"""What differs between two environments, as their runs described them."""

from __future__ import annotations

from collections.abc import Mapping

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

NOT_UNDER_TEST = ("branch", "devices", "revision")
"""What an accepted entry knows of its project and hardware. Every commit changes the revision, also that of
the baseline."""

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


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """What differs, such as "tensorflow 2.20.0 -> 2.21.0": the frameworks first, then by name.

    A framework that is on one side only is hardly what the step is made with, and goes by its name.
    """
    names = sorted((old.keys() | new.keys()) - {*NOT_UNDER_TEST})
    differing = [name for name in names if old.get(name) != new.get(name)]
    differing.sort(
        key=lambda name: _framework_order(name) if name in old and name in new else len(FRAMEWORKS)
    )
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
