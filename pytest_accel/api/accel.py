"""The measuring calls of a test. They only say what is to be measured; a backend measures it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import pytest

from pytest_accel import frameworks
from pytest_accel.api import settings, user_step, workloads
from pytest_accel.api.results import ConvergenceResult, StepResult
from pytest_accel.api.settings import Settings
from pytest_accel.frameworks import Framework, introspection
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import (
    Accelerator,
    DataSource,
    Hosts,
    Kind,
    Lowered,
    Plan,
    TrainingPlan,
    Workload,
)

__tracebackhide__ = True  # pytest then shows the user's own lines only

_NOT_GIVEN: Any = object()


MAX_EXAMPLES_PER_STEP = 10**15
"""Larger values are not a plausible batch and would not be exact in floating point."""


MAX_SEEDS = 1000
"""Each is a whole training."""


class Backend(Protocol):
    """Who measures for the fixtures in this process, and on what."""

    @property
    def accelerator(self) -> Accelerator: ...

    @property
    def hosts(self) -> Hosts | None: ...

    def measure(self, item: pytest.Item, plan: Plan) -> StepResult: ...

    def train(self, item: pytest.Item, plan: TrainingPlan) -> ConvergenceResult: ...


class Accel:
    """Measures one training step, or training to a target. A test makes one measuring call."""

    def __init__(self, item: pytest.Item, backend: Backend) -> None:
        self._item = item
        self._backend = backend
        self._measured = False

    def throughput(
        self,
        workload: str,
        *,
        global_batch: int,
        dataset: str | Callable[[], object] | None = None,
        **parameters: Any,
    ) -> StepResult:
        """Train steps of a built-in workload, ``global_batch`` examples a step.

        On synthetic data, or from end to end on a ``dataset``. ``parameters`` are those of the workload
        (docs/writing-a-benchmark.md), such as ``precision`` and ``image_size``. Raises ValueError for what
        does not exist.
        """
        self._require_single_call(parameters)
        return self._measure_built_in(
            workloads.workload(
                workload,
                framework=self._settings.framework,
                global_batch=global_batch,
                dataset=dataset,
                **parameters,
            ),
            dataset,
        )

    def input_pipeline(
        self,
        dataset: str | Callable[[], object],
        *,
        global_batch: int | None = None,
        **parameters: Any,
    ) -> StepResult:
        """Make batches of a dataset ready for training, and do not train: what the host alone can do.

        ``parameters`` are ``precision``, ``image_size`` and ``num_classes``. Raises ValueError for what does
        not exist.
        """
        self._require_single_call(parameters)
        return self._measure_built_in(
            workloads.input_pipeline(
                framework=self._settings.framework,
                dataset=dataset,
                global_batch=global_batch,
                **parameters,
            ),
            dataset,
        )

    def convergence(
        self,
        workload: str,
        *,
        dataset: str | Callable[[], object],
        epochs: int,
        target: float,
        seeds: int | Sequence[int] = 1,
        global_batch: int | None = None,
        **parameters: Any,
    ) -> ConvergenceResult:
        """Train a built-in workload on real data for ``epochs`` epochs, and evaluate it after each.

        ``target`` is the top-1 to be reached, as a share. Every run is one seed: ``seeds`` says how many at
        least, or which. ``parameters`` are those of the workload and ``warmup_epochs``. Raises ValueError for
        what does not exist or makes no sense.
        """
        self._require_single_call(parameters)
        spec = workloads.training(
            workload,
            framework=self._settings.framework,
            dataset=dataset,
            global_batch=global_batch,
            epochs=epochs,
            target=target,
            **parameters,
        )
        chosen = _chosen_seeds(seeds)
        framework, data = self._start_framework(spec.framework), self._data(dataset)
        plan = TrainingPlan(
            spec, epochs, float(target), chosen, lambda seed: framework.train(spec, seed, data)
        )
        return self._backend.train(self._item, plan)

    def measure(
        self,
        step: Callable[..., Any],
        *,
        examples_per_step: int,
        state: Any = _NOT_GIVEN,
        batch: Sequence[Any] = (),
    ) -> StepResult:
        """Train steps of your own: ``step()``, or with ``state`` ``step(state, *batch) -> (state, aux)``.

        What a step returns is waited for before the clock stops, in any framework and nested in any way.
        The loss, if there is one, is a scalar result, the entry "loss" of a mapping, or the first scalar
        of a tuple. Only the form with ``state`` can be compiled for ``--accel-topology``: the arrays of
        ``batch`` with ``examples_per_step`` rows are then split over the devices. Raises TypeError or
        ValueError for arguments that make no sense.
        """
        self._require_single_call()
        if not callable(step):
            raise TypeError(f"accel.measure(step, ...): step must be callable, not {type(step).__name__}")
        examples = _whole_number(examples_per_step)
        if examples is None or not 1 <= examples <= MAX_EXAMPLES_PER_STEP:
            way_out = ", such as int(...)" if examples is None else ""
            raise ValueError(
                f"accel.measure(examples_per_step={examples_per_step!r:.60}): give a whole number from 1 to "
                f"10**15{way_out}"
            )
        if not isinstance(batch, tuple | list):
            raise TypeError(
                f"accel.measure(batch=...): give a tuple of what step takes after the state, such as "
                f"batch=(x, y), not {type(batch).__name__}"
            )
        if state is _NOT_GIVEN and batch:
            raise TypeError(
                "accel.measure(batch=...) belongs to the functional form: give state= as well, or let "
                "step() fetch its own batch"
            )
        kind = self._kind
        marked = settings.marker_arguments(self._item).get("framework")
        spec = Workload("measure", marked or introspection.framework_of((state, batch)), examples)
        if state is _NOT_GIVEN:
            plan = Plan(spec, lambda: user_step.closed_program(step, kind, marked), user_step.not_functional)
        else:
            plan = Plan(
                spec,
                lambda: user_step.functional_program(step, state, batch, kind),
                lambda topology: user_step.lowered(spec, step, state, batch, topology),
                host_batch=spec.framework != introspection.NO_FRAMEWORK and user_step.is_on_host(batch),
            )
        return self._backend.measure(self._item, plan)

    def mesh(self, axes: Sequence[str], shape: Sequence[int]) -> Any:
        """Return a ``jax.sharding.Mesh`` of all devices, for a step with shardings of your own.

        ``axes`` are names, such as ``("data", "model")``, and ``shape`` has the size of each; one may be -1,
        which is the rest. With ``--accel-topology`` it has as many devices as the slice: they hold arrays
        here, and the step is compiled for those of the slice in their places. Raises ValueError for another
        number of devices than there are.
        """
        topology = self._settings.topology
        devices = slice_named(topology).devices if topology else self._backend.accelerator.devices
        jax = frameworks.load("jax")
        jax.start(self._kind, devices, self._backend.hosts)
        return jax.mesh_of(axes, shape)  # type: ignore[attr-defined]  # what no other framework has

    @property
    def _settings(self) -> Settings:
        return settings.settings_for(self._item)

    def _measure_built_in(self, spec: Workload, dataset: str | Callable[[], object] | None) -> StepResult:
        framework, data = self._start_framework(spec.framework), self._data(dataset)

        def lower(topology: str) -> Lowered:
            if dataset is not None:
                pytest.skip(f"needs input data, but --accel-topology={topology} only compiles")
            return framework.lower(spec, topology)

        alone = None
        if dataset is None and self._backend.hosts is not None:
            alone = functools.partial(framework.build_single_host_share, spec)
        return self._backend.measure(
            self._item, Plan(spec, lambda: framework.build(spec, data), lower, alone)
        )

    def _start_framework(self, name: str) -> Framework:
        framework = frameworks.load(name)
        devices = 1 if self._settings.topology else self._backend.accelerator.devices
        framework.start(self._kind, devices, self._backend.hosts)
        return framework

    @property
    def _kind(self) -> Kind:
        """What computes in this process: a TPU that is compiled for need not be here."""
        return Kind.CPU if self._settings.topology else self._backend.accelerator.kind

    def _data(self, dataset: str | Callable[[], object] | None) -> DataSource:
        return dataset if callable(dataset) else self._settings.data

    def _require_single_call(self, parameters: Mapping[str, Any] = MappingProxyType({})) -> None:
        if "framework" in parameters:
            raise ValueError(
                "framework is not a parameter of a workload: choose it with --accel-framework, or with "
                f"@pytest.mark.accel(framework={parameters['framework']!r})"
            )
        if self._measured:
            pytest.fail(
                f"{self._item.nodeid} measures twice: one measuring call a test; parametrize it or split it "
                "in two",
                pytrace=False,
            )
        self._measured = True


def _whole_number(value: Any) -> int | None:
    """An integer of Python, NumPy or a framework; None for all else, booleans and floats of 32.0 included."""
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        return None
    try:
        return operator.index(value)
    except (AttributeError, TypeError):
        return None


def _chosen_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return the seeds given, or this many from 0. Raises ValueError for what is not a seed."""
    count = seeds if type(seeds) is int else 0
    chosen = tuple(seeds) if isinstance(seeds, list | tuple) else tuple(range(min(count, MAX_SEEDS + 1)))
    if (
        not 1 <= len(chosen) <= MAX_SEEDS
        or any(type(seed) is not int or not 0 <= seed < 2**31 for seed in chosen)
        or len(set(chosen)) < len(chosen)
    ):
        raise ValueError(
            f"accel.convergence(seeds={str(seeds)[:40]}): give how many, from 1 to {MAX_SEEDS}, or "
            "different whole numbers from 0 and below 2**31, such as seeds=(0, 1, 2)"
        )
    return chosen
