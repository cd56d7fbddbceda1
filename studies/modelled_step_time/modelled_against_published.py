"""How far is the modelled step time from step times that were measured and published?

    python studies/modelled_step_time/modelled_against_published.py

Compiles each step of ``published_steps.py`` for its slice, minutes for each, and prints a table. Takes jax
and libtpu (pip install "pytest-accel[aot]"). ResNet-50 is in docs/tpu-without-a-tpu.md by its baselines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from published_steps import PUBLISHED, Published, step_of
from tabulate import tabulate

from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import ProgramFacts, json_codec
from pytest_accel.runs.worker_process.environments import compile_only_variables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAME", help="such as 16B")
    parser.add_argument("--compile", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.compile is not None:
        print(json.dumps(json_codec.encode(_compiled(PUBLISHED[asked.compile]))))
        return
    rows = []
    for number, published in enumerate(PUBLISHED):
        if asked.only in (None, published.model.name):
            rows.append(_row(published, _in_a_process(number)))
            print(rows[-1], flush=True)
    heads = ("model", "slice", "measured", "modelled", "measured over modelled", "of that, exchanges")
    print(tabulate(rows, heads, tablefmt="github"))


def _in_a_process(number: int) -> ProgramFacts:
    """Each topology has its own number of devices, which JAX takes once."""
    ran = subprocess.run(
        [sys.executable, __file__, f"--compile={number}"],
        env=os.environ | compile_only_variables(PUBLISHED[number].topology),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json_codec.decode(ProgramFacts, json.loads(ran.stdout))


def _compiled(published: Published) -> ProgramFacts:
    from pytest_accel.frameworks.jax import lowering

    step, state, batch, examples = step_of(published, slice_named(published.topology).devices)
    return lowering.lower_step(step, state, batch, published.topology, examples).compile()


def _row(published: Published, facts: ProgramFacts) -> tuple[str, ...]:
    modelled_s = facts.modelled_step_time_s or 0.0
    exchanged_s = sum(each.time_s for each in facts.operations.values() if each.exchanged_bytes)
    return (
        published.model.name,
        published.topology,
        f"{published.measured_s:.2f} s",
        f"{modelled_s:.2f} s",
        f"{published.measured_s / modelled_s:.2f}",
        f"{exchanged_s / modelled_s:.0%}",
    )


if __name__ == "__main__":
    main()
