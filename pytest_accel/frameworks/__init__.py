"""The frameworks that have built-in workloads, by name. Knowing them imports none of them.

Another one is a package beside this file with the functions of ``Framework``, called like the module that it
wraps, and an entry in ``BUILT_IN``. Steps of the user's own need no such package: ``recognized`` has what is
known of the arrays that they return.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from pytest_accel.records import DataSource, Hosts, Kind, Lowered, Program, Training, Workload

BUILT_IN = {
    "tensorflow": ("[cpu]", "[gpu] or [tpu]"),
    "jax": ("[jax]", "[jax-gpu] or [jax-tpu]"),
}
"""By name, the extras that install it: for a CPU, and for other accelerators."""

DEFAULT = "tensorflow"
"""The framework of built-in workloads unless ``--accel-framework`` says otherwise."""


class Framework(Protocol):
    """What a framework can do. The functions run in a worker process, ``start`` before all others."""

    def start(self, kind: Kind, devices: int = 1, hosts: Hosts | None = None) -> None:
        """Make the accelerator ready, of all ``hosts`` together if there are several.

        ``devices`` are those of all of them. RuntimeError if the framework does not see that many of that
        kind.
        """

    def provenance(self) -> dict[str, str]:
        """Versions of the framework and of what it stands on, as far as known."""
        ...

    def build(self, workload: Workload, data: DataSource = None) -> Program:
        """The workload, ready to run, on synthetic data or on its dataset, which ``data`` has if needed.

        Raises ValueError if it does not fit the framework or the devices, or for data that is not what it
        should be.
        """
        ...

    def build_single_host_share(self, workload: Workload) -> Program:
        """This host's share of a step on synthetic data, without the other hosts of ``start``."""
        ...

    def lower(self, workload: Workload, topology: str) -> Lowered:
        """The step of the workload on synthetic data, for an accelerator type, ready to be compiled.

        Raises ValueError if it does not fit that type, and RuntimeError for a compiler that is not there.
        """
        ...

    def lower_step(
        self,
        step: Callable[..., Any],
        state: Any,
        batch: Sequence[Any],
        topology: str,
        examples_per_step: int,
    ) -> Lowered:
        """A step of the user's own, ``step(state, *batch) -> (state, aux)``; raises as ``lower`` does.

        Raises TypeError for a step that the framework cannot trace.
        """
        ...

    def train(self, workload: Workload, seed: int, data: DataSource = None) -> Training:
        """The workload on its dataset, ready to be trained; raises as ``build`` does."""
        ...


def load(name: str) -> Framework:
    """Import a framework.

    Raises ValueError for a name that is not registered, and RuntimeError, which says what to install, if the
    framework is not there.
    """
    if name not in BUILT_IN:
        raise ValueError(f"Unknown framework {name!r}; allowed: {', '.join(BUILT_IN)}.")
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        extra, with_accelerator = BUILT_IN[name]
        raise RuntimeError(
            f'The framework {name} is not installed here; pip install "pytest-accel{extra}" brings it '
            f"({with_accelerator} on such a machine)."
        ) from error
    return cast("Framework", module)
