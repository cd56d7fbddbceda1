"""Plants regressions in the program of JAX's ResNet-50, compiles each for a TPU, and says what the gate says.

    python studies/planted_regressions/planted_programs.py --topology=v2-8 --global-batch=128

Nothing runs, so no TPU is needed; jax and libtpu are (pip install "pytest-accel[aot]"). Each program takes a
minute or so to compile.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from tabulate import tabulate

from pytest_accel.analysis.rules import program
from pytest_accel.api import workloads
from pytest_accel.records import ProgramFacts
from pytest_accel.runs.worker_process.environments import compile_only_variables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--topology", default="v2-8")
    parser.add_argument("--global-batch", type=int, default=128)
    parser.add_argument("--image-size", type=int, default=224)
    asked = parser.parse_args()
    os.environ.update(compile_only_variables(asked.topology))
    compiled = functools.partial(_compiled, asked.topology, asked.image_size)
    before = compiled(asked.global_batch)
    rows = []
    for name, planted in FAULTS.items():
        with planted():
            verdict = program.judge(compiled(asked.global_batch), before)
        rows.append((name, verdict.outcome.value, verdict.reason))
        print(f"{name}: {verdict.outcome}: {verdict.reason}", flush=True)
    try:
        compiled(64 * asked.global_batch)
    except RuntimeError as error:
        rows.append((f"global batch {64 * asked.global_batch}", "invalid", str(error)))
    print(tabulate(rows, ("planted", "outcome", "reason"), tablefmt="github"))


def _compiled(topology: str, image_size: int, global_batch: int) -> ProgramFacts:
    import jax

    from pytest_accel.frameworks.jax import lowering

    jax.clear_caches()
    spec = workloads.workload(
        "resnet50",
        framework="jax",
        global_batch=global_batch,
        image_size=image_size,
        precision="mixed_bfloat16",
    )
    return lowering.lower(spec, topology).compile()


@contextlib.contextmanager
def _of_resnet(name: str, replacement: Callable[..., Any]) -> Iterator[None]:
    from pytest_accel.frameworks.jax import resnet

    original = getattr(resnet, name)
    with mock.patch.object(resnet, name, lambda *given: replacement(original, *given)):
        yield


def _upcast() -> Any:
    """What each layer gives is kept in float32 on its way to the next."""

    def layer(original: Any, x: Any, *others: Any) -> Any:
        import jax.numpy as jnp
        from jax import lax

        y, after = original(x, *others)
        return lax.optimization_barrier(y.astype(jnp.float32)).astype(y.dtype), after

    return _of_resnet("_normalized_convolution", layer)


@contextlib.contextmanager
def _normalization_apart() -> Iterator[None]:
    """No convolution is fused with the batch normalization after it."""
    from jax import lax

    convolution = lax.conv_general_dilated

    def apart(*given: Any, **named: Any) -> Any:
        return lax.optimization_barrier(convolution(*given, **named))

    with mock.patch.object(lax, "conv_general_dilated", apart):
        yield


@contextlib.contextmanager
def _transposed() -> Iterator[None]:
    """Every convolution has its channels moved to the front before it, and back after it."""
    from jax import lax

    convolution = lax.conv_general_dilated

    def moved(x: Any, kernel: Any, strides: Any, padding: Any, **named: Any) -> Any:
        turned = lax.optimization_barrier(x.transpose(0, 3, 1, 2))
        y = convolution(turned.transpose(0, 2, 3, 1), kernel, strides, padding, **named)
        return lax.optimization_barrier(y.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)

    with mock.patch.object(lax, "conv_general_dilated", moved):
        yield


@contextlib.contextmanager
def _gathered() -> Iterator[None]:
    """Every device fetches the whole batch and takes its share from that."""
    from pytest_accel.frameworks.jax import training
    from pytest_accel.frameworks.xla.mesh import DEVICES

    original = training.step

    def step(recipe: Any, state: Any, rate: Any, images: Any, labels: Any) -> Any:
        from jax import lax

        whole = lax.all_gather(images, DEVICES, tiled=True)
        first = lax.axis_index(DEVICES) * len(images)
        share = lax.dynamic_slice_in_dim(lax.optimization_barrier(whole), first, len(images))
        return original(recipe, state, rate, share, labels)

    with mock.patch.object(training, "step", step):
        yield


def _rematerialized() -> Any:
    """Blocks keep nothing for the way back and compute it again."""

    def block(original: Any, x: Any, layers: Any, moving: Any, stride: int, training: bool) -> Any:
        import jax

        again = jax.checkpoint(lambda x, layers, moving: original(x, layers, moving, stride, training))
        return again(x, layers, moving)

    return _of_resnet("_bottleneck", block)


FAULTS: dict[str, Callable[[], Any]] = {
    "activations in float32": _upcast,
    "batch normalization not fused": _normalization_apart,
    "a transpose around every convolution": _transposed,
    "the batch gathered on every device": _gathered,
    "rematerialization": _rematerialized,
}

if __name__ == "__main__":
    main()
