"""Settings that make every step slower than it need be, each with its remedy. They are the same on every run,
so no comparison shows them."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_accel.records import Kind

CPUINFO = Path("/proc/cpuinfo")

OFF = ("", "0", "false", "no", "off")

SWITCHES = {
    "JAX_DISABLE_JIT": "JAX compiles nothing",
    "JAX_DEBUG_NANS": "JAX checks every result for NaN and waits for it",
    "CUDA_LAUNCH_BLOCKING": "every CUDA kernel is waited for",
    "TF_DUMP_GRAPH_PREFIX": "TensorFlow writes graphs to disk",
    "TF_CPP_MAX_VLOG_LEVEL": "TensorFlow logs what it does",
    "PYTHONDEVMODE": "Python runs in development mode",
    "MALLOC_CHECK_": "glibc checks the heap",
    "MALLOC_PERTURB_": "glibc fills memory that is allocated and freed",
}
"""Variables that are on if they are set to something, and what that does."""

DUMPS = ("--xla_dump_to", "--xla_dump_hlo")

VECTOR_UNITS = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}
"""Flags of an x86 CPU with one of which TensorFlow uses oneDNN by itself.

Source: ``DefaultOneDnnPolicy`` in TensorFlow's ``tensorflow/core/util/port.cc``.
"""


NEEDED_ONCE = {
    "compilation": (
        "compiles a program on every step",
        "make the compiled function once, outside of the step, and call it with the same shapes and types; "
        "pass numbers that change as arrays",
    ),
    "batch": (
        "copies its batch to the accelerator on every step",
        "make it an array of the framework beforehand, or measure the input pipeline as well",
    ),
}
"""By the entry of a run's provenance that tells of it."""


class SlowSetting(NamedTuple):
    """What is slow, in a sentence without its full stop, and what to do."""

    description: str
    remedy: str


def of_process(variables: Mapping[str, str] = os.environ) -> list[SlowSetting]:
    """Those of this session's environment and Python, which runs inherit."""
    return [*_switches(variables), *_dumps(variables), *_debug_build()]


def of_run(kind: Kind, framework: str, provenance: Mapping[str, str]) -> list[SlowSetting]:
    """Those of a framework, as a run with this provenance saw them."""
    found = []
    if provenance.get("functions") == "run eagerly":
        found.append(
            SlowSetting(
                "TensorFlow runs its functions eagerly, operation by operation",
                "leave out tf.config.run_functions_eagerly and run_eagerly=True",
            )
        )
    without = (
        provenance.get("TF_ENABLE_ONEDNN_OPTS") is None and kind is Kind.CPU and framework == "tensorflow"
    )
    flags = _cpu_flags(CPUINFO) if without else frozenset()
    if flags and not flags & VECTOR_UNITS:
        found.append(
            SlowSetting(
                "TensorFlow does without oneDNN on this CPU, and may train several times slower",
                "set TF_ENABLE_ONEDNN_OPTS=1 in your conftest.py, before anything is recorded",
            )
        )
    return found


def of_steps(provenances: Mapping[str, Mapping[str, str]]) -> list[SlowSetting]:
    """What steps do each time that is needed once: one line each for all benchmarks, by name, that do it."""
    found = []
    for fact, (description, remedy) in NEEDED_ONCE.items():
        names = [name for name, facts in provenances.items() if fact in facts]
        others = f", like {len(names) - 1} more" if names[1:] else ""
        if names:
            found.append(SlowSetting(f"{names[0]} {description}{others}", remedy))
    return found


def _switches(variables: Mapping[str, str]) -> Iterator[SlowSetting]:
    for name, effect in SWITCHES.items():
        value = variables.get(name, "")
        if value.strip().lower() not in OFF:
            yield SlowSetting(f"{effect} ({name}={value})", f"unset {name}")


def _dumps(variables: Mapping[str, str]) -> Iterator[SlowSetting]:
    for name in ("XLA_FLAGS", "TF_XLA_FLAGS", "LIBTPU_INIT_ARGS"):
        flags = [flag for flag in variables.get(name, "").split() if flag.startswith(DUMPS)]
        if flags:
            yield SlowSetting(
                f"XLA writes every program to disk ({flags[0]})", f"leave {flags[0]} out of {name}"
            )


def _debug_build() -> Iterator[SlowSetting]:
    if sysconfig.get_config_var("Py_DEBUG"):
        yield SlowSetting(f"this Python is a debug build ({sys.executable})", "use a release build")


@functools.cache
def _cpu_flags(file: Path) -> frozenset[str]:
    """The flags of an x86 CPU, empty for any other and where they cannot be read."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())
