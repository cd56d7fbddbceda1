"""A callable of the user's own, made into a program that can be timed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from typing import Any

from pytest_accel import frameworks
from pytest_accel.frameworks import values
from pytest_accel.records import Kind, Lowered, Program, Workload

__tracebackhide__ = True  # pytest then shows the user's own lines only


def closed_program(step: Callable[[], Any], kind: Kind) -> Program:
    """``step()`` needs nothing and may return anything; what the last of a block returned is waited for.

    That is enough, since a device finishes what it is given in order. Earlier results may not be touched: a
    step may have donated their buffers to the next one. Raises TypeError for a step that returns work still
    to be done, a coroutine or generator.
    """

    def start() -> object:
        result = step()
        if isinstance(result, Coroutine | Generator | AsyncGenerator):
            raise TypeError(
                f"the step returned a {type(result).__name__} that has done no work yet: measure a plain "
                "function that runs it to its end"
            )
        return result

    return Program(start, values.wait_for, lambda: values.peak_memory_bytes(kind))


def functional_program(step: Callable[..., Any], state: Any, batch: Sequence[Any], kind: Kind) -> Program:
    """``step(state, *batch)`` returns ``(state, aux)``; the state is handed on from step to step.

    The loss is looked for in ``aux``. Raises TypeError if a step returns anything but a pair.
    """
    current = state

    def start() -> object:
        nonlocal current
        result = step(current, *batch)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"a step measured with state= must return (state, aux); this one returned {_shape(result)}"
            )
        current, aux = result
        return aux

    def wait(aux: object) -> float | None:
        values.wait_for(current)
        return values.wait_for(aux)

    return Program(start, wait, lambda: values.peak_memory_bytes(kind))


def lowered(
    workload: Workload, step: Callable[..., Any], state: Any, batch: Sequence[Any], topology: str
) -> Lowered:
    """The same step, for an accelerator type that it is compiled for. Raises what the framework raises.

    Raises TypeError for a step of a framework that cannot be compiled for hardware that is not here.
    """
    if workload.framework not in frameworks.NAMES:
        raise TypeError(
            f"--accel-topology={topology} compiles steps of {' and '.join(frameworks.NAMES)}, and this one "
            f"is of {workload.framework}: import its framework in the test file, or deselect the test"
        )
    framework = frameworks.load(workload.framework)
    return framework.lower_step(step, state, batch, topology, workload.examples_per_step)


def not_functional(topology: str) -> Lowered:
    """Raises TypeError: what such a step works on is out of sight."""
    raise TypeError(
        f"--accel-topology={topology} compiles a step as a function of what it works on: call "
        "accel.measure(step, state=..., batch=..., examples_per_step=...) with step(state, *batch) -> "
        "(state, aux)"
    )


def _shape(result: object) -> str:
    if result is None or isinstance(result, tuple):
        return "None" if result is None else f"a tuple of {len(result)}"
    return f"a {type(result).__name__}"
