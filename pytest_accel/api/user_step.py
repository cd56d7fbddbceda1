"""A callable of the user's own, made into a program that can be timed."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_accel import frameworks
from pytest_accel.frameworks import introspection
from pytest_accel.records import Kind, Lowered, Program, Workload

MIN_COPIED_BYTES = 2**16
"""Less than this is copied in about the time that it takes to start a copy."""

__tracebackhide__ = True  # pytest then shows the user's own lines only


def closed_program(step: Callable[[], Any], kind: Kind, framework: str | None = None) -> Program:
    """``step()`` needs nothing and may return anything; what the last of a block returned is waited for.

    That is enough, since each step works on what the one before it left. Earlier results may not be touched:
    a step may have donated their buffers to the next one. Without ``framework`` the step is made with what
    its first result is made of. ``wait`` raises TypeError for a step that returns work still to be done, a
    coroutine or generator.
    """
    detected = framework

    def wait(result: object) -> float | None:
        nonlocal detected
        if detected is None:
            detected = introspection.framework_of_result(result) or introspection.NO_FRAMEWORK
        return introspection.wait_for(_done(result))

    # The step itself, without a function of ours around it: a step may take microseconds.
    return Program(
        step,
        wait,
        lambda: introspection.peak_memory_bytes(kind),
        lambda: detected or introspection.NO_FRAMEWORK,
    )


def functional_program(step: Callable[..., Any], state: Any, batch: Sequence[Any], kind: Kind) -> Program:
    """``step(state, *batch)`` returns ``(state, aux)``; the state is handed on from step to step.

    The loss is looked for in ``aux``. Raises TypeError if a step returns anything but a tuple of two, which
    may be a named one, or a list of two, and for work that is still to be done.
    """
    current = state

    def start() -> object:
        nonlocal current
        result = step(current, *batch)
        current, aux = result if type(result) is tuple and len(result) == 2 else _pair(result)
        return aux

    def wait(aux: object) -> float | None:
        introspection.block_until_ready((current, aux))  # together: one of them may have no array
        return introspection.loss_in(aux)

    return Program(start, wait, lambda: introspection.peak_memory_bytes(kind))


def is_on_host(batch: Sequence[Any]) -> bool:
    """Whether an accelerator has to fetch as much as MIN_COPIED_BYTES of it for each step."""
    numpy = sys.modules.get("numpy")
    arrays = [leaf for leaf in introspection.leaves(batch) if numpy and isinstance(leaf, numpy.ndarray)]
    return sum(int(array.nbytes) for array in arrays) >= MIN_COPIED_BYTES


def lowered(
    workload: Workload, step: Callable[..., Any], state: Any, batch: Sequence[Any], topology: str
) -> Lowered:
    """The same step, for an accelerator type that it is compiled for. Raises what the framework raises.

    Raises TypeError for a step of a framework that cannot be compiled for hardware that is not here, and for
    one that does not return the state as it came. Raises ValueError for a batch that cannot be split.
    """
    if workload.framework not in frameworks.BUILT_IN:
        raise TypeError(
            f"--accel-topology={topology} compiles steps of {' and '.join(frameworks.BUILT_IN)}, and this "
            f"one is of {workload.framework}: import its framework in the test file, or deselect the test"
        )
    framework = frameworks.load(workload.framework)
    return framework.lower_step(_StateKeeping(step), state, batch, topology, workload.examples_per_step)


def not_functional(topology: str) -> Lowered:
    """Raise TypeError: a step without explicit state and batch cannot be lowered."""
    raise TypeError(
        f"--accel-topology={topology} compiles a step as a function of what it works on: call "
        "accel.measure(step, state=..., batch=..., examples_per_step=...) with step(state, *batch) -> "
        "(state, aux)"
    )


def _done(result: object) -> object:
    """The same. Raises TypeError for work that is still to be done."""
    if isinstance(result, Coroutine | Generator | AsyncGenerator):
        raise TypeError(
            f"the step returned a {type(result).__name__} that has done no work yet: measure a plain "
            "function that runs it to its end"
        )
    return result


def _pair(result: object) -> tuple[Any, Any]:
    result = _done(result)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise TypeError(
            f"a step measured with state= must return (state, aux); this one returned {_kind(result)}"
        )
    state, aux = result
    return state, aux


@dataclass(frozen=True)
class _StateKeeping:
    """A step, which raises TypeError while it is traced if it changes what its state is made of.

    ``original`` is the step itself, of which a framework may know more: how it was compiled, say.
    """

    original: Callable[..., Any]

    def __call__(self, state: Any, *batch: Any) -> tuple[Any, Any]:
        before = _arrays(state)  # looked at first: a step may change a list or mapping in place
        result = _pair(self.original(state, *batch))
        after = _arrays(result[0])
        if before != after:
            differing = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
            was, became = differing[0] if differing else (f"{len(before)} arrays", f"{len(after)}")
            raise TypeError(
                f"the step changed its state: {was} became {became}; return arrays of the same shape and "
                "dtype"
            )
        return result


def _arrays(state: object) -> list[str]:
    """Type and shape of each array, such as "float32[3, 16]"."""
    arrays = [
        leaf for leaf in introspection.leaves(state) if hasattr(leaf, "shape") and hasattr(leaf, "dtype")
    ]
    return [f"{getattr(leaf.dtype, 'name', leaf.dtype)}{list(leaf.shape)}" for leaf in arrays]


def _kind(result: object) -> str:
    if result is None:
        return "None"
    if isinstance(result, tuple | list):
        return f"a {'tuple' if isinstance(result, tuple) else 'list'} of {len(result)}"
    return f"a {type(result).__name__}"
