"""Whether a step compiles programs anew each time: its time is then that of a compiler.

PyTorch is not asked: its compiler gives a function up after a few programs.
"""

from __future__ import annotations

import sys
from typing import Any

from pytest_accel.frameworks import recognized

MIN_STEPS = 10
"""Fewer steps do not tell what every step does: one may compile several programs, and the others none."""

_JAX_COMPILED = "/jax/core/compile/backend_compile_duration"
"""The event that JAX gives to listeners of ``jax.monitoring`` with each program that it compiled."""


class CompilationCounter:
    """Counts the programs that this process compiles from now on, by frameworks imported already.

    Of TensorFlow it counts functions traced and kept, so one that is made and dropped in the same step is
    not seen.
    """

    def __init__(self) -> None:
        self._jax_programs = 0
        self._tensorflow_functions = _tensorflow_functions()
        monitoring = getattr(recognized.imported().get("jax"), "monitoring", None)
        if monitoring is not None:
            monitoring.register_event_duration_secs_listener(self._on_jax_event)

    @property
    def programs(self) -> int:
        """Number of programs so far."""
        return self._jax_programs + max(0, _tensorflow_functions() - self._tensorflow_functions)

    def is_every_step(self, steps: int) -> bool:
        """Whether ``steps`` steps since then compiled at least one program each."""
        return steps >= MIN_STEPS and self.programs >= steps

    def _on_jax_event(self, event: str, _duration_s: float, **_details: Any) -> None:
        self._jax_programs += event == _JAX_COMPILED


def _tensorflow_functions() -> int:
    """Number of functions that TensorFlow holds, 0 if that is unknown: its public API does not tell."""
    if "tensorflow" not in recognized.imported() or not recognized.is_running("tensorflow"):
        return 0  # to ask would start it
    try:
        return len(sys.modules["tensorflow.python.eager.context"].context().list_function_names())
    except (KeyError, AttributeError):
        return 0
