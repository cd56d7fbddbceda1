"""What does the gate on compiled programs say of planted changes?

    python studies/planted_regressions/planted_programs.py run programs.jsonl --topology=v5litepod-4
    python studies/planted_regressions/planted_programs.py report programs.jsonl

Each change is planted in the training step of one of eight families (``program_families.py``), compiled for a
TPU that need not be here, and judged against the step as it was: regressions, rewrites that leave the program
as it is, and improvements. A result is added to the file at once: end this at any time and call it again.
Programs are kept beside the file, so that with another rule only the verdicts are made anew: delete the file.
Takes jax and libtpu (pip install "pytest-accel[aot]"), and some ten seconds per program.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tabulate import tabulate

from pytest_accel.analysis.rules import program
from pytest_accel.hardware.tpu_generations import slice_named
from pytest_accel.records import Outcome, Plan, Program, ProgramFacts, Workload
from pytest_accel.runs.worker_process.environments import compile_only_variables
from pytest_accel.worker import compiler

IN_LOOPS = ("transformer", "recurrent", "accumulation", "mixture")
LONGER_BY_LAYERS = ("transformer", "recurrent", "mixture")
"""Of these a longer loop is more work; of the accumulation of gradients it is the same in smaller parts."""


class Planted(NamedTuple):
    """A change of the knobs of a family. ``cause`` is a pattern that the first cause named must match.

    The step is judged ``before`` -> ``now``.
    """

    family: str
    name: str
    what: str
    now: dict[str, Any]
    before: Mapping[str, Any] = MappingProxyType({})
    cause: str = ""


def planted() -> Iterator[Planted]:
    yield from _regressions()
    yield from _rewrites()
    yield from _improvements()


def _regressions() -> Iterator[Planted]:
    everywhere: dict[str, tuple[dict[str, Any], str]] = {
        "products at highest precision in float32": (
            {"precision": "highest", "dtype": "float32"},
            r"highest precision",
        ),
        "a product more in each layer": ({"another_product": True}, r"matmuls"),
        "activations sorted": ({"sorted_activations": True}, r"sorts"),
        "activations printed": ({"printed": True}, r"host transfers"),
        "activations kept in float32": ({"kept_in_float32": True}, r"f32"),
        "activations turned around": ({"turned_around": True}, r"copies|fusions"),
    }
    for family in _families():
        for name, (now, cause) in everywhere.items():
            yield Planted(family, name, "regression", now, cause=cause)
    for family in ("dense", "transformer", "transformer_one_by_one", "recurrent"):
        yield Planted(
            family, "rematerialized", "regression", {"rematerialized": True}, cause="matmuls|fusions|copies"
        )
        yield Planted(family, "a width of 520 for 512", "regression", {"width": 520}, cause="padding|matmuls")
    for family in LONGER_BY_LAYERS:
        yield Planted(family, "a loop twice as long", "regression", {"layers": 16}, cause="the loop")


def _rewrites() -> Iterator[Planted]:
    for family in _families():
        for other in ("einsum", "dot_general", "maximum", "sum_of_squares", "tree_map_rate", "nested_jit"):
            yield Planted(family, f"written with {other}", "rewrite", {"written_otherwise": other})
    for family in IN_LOOPS:
        yield Planted(family, "unrolled by four", "unrolled", {"unroll": 4})
    yield Planted("accumulation", "twice as many parts of half the size", "rewrite", {"layers": 16})


def _improvements() -> Iterator[Planted]:
    for family in _families():
        yield Planted(family, "bfloat16 for float32", "improvement", {}, {"dtype": "float32"}, cause="")
        yield Planted(family, "a product less", "improvement", {}, {"another_product": True}, cause="matmuls")
    for family in LONGER_BY_LAYERS:
        yield Planted(family, "a loop half as long", "improvement", {}, {"layers": 16}, cause="the loop")
    yield Planted("recurrent", "input products out of the loop", "improvement", {"hoisted": True}, cause="")
    yield Planted(
        "transformer", "nothing rematerialized", "improvement", {}, {"rematerialized": True}, cause=""
    )


def _families() -> Sequence[str]:
    from program_families import FAMILIES

    return list(FAMILIES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run", help="compile and judge what is not in the file yet")
    run.add_argument("results", type=Path)
    run.add_argument("--topology", default="v5litepod-4")
    run.add_argument("--families", nargs="+", metavar="FAMILY")
    parts.add_parser("report", help="tables").add_argument("results", type=Path)
    asked = parser.parse_args()
    if asked.part == "run":
        os.environ.update(compile_only_variables(asked.topology))
        _run(asked.results, asked.topology, asked.families)
    print(report([json.loads(line) for line in asked.results.read_text().splitlines()]))


def _run(results: Path, topology: str, families: Sequence[str] | None) -> None:
    lines = results.read_text().splitlines() if results.exists() else []
    known = {(each["family"], each["name"]) for each in map(json.loads, lines)}
    compiled: dict[str, ProgramFacts] = {}
    for each in sorted(planted(), key=lambda one: one.family):
        if (each.family, each.name) in known or (families and each.family not in families):
            continue
        result = judged(each, topology, compiled, results.with_suffix(".cache"))
        with results.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{each.family}: {each.name}: {result['outcome']}: {result['reason']}", flush=True)


def judged(each: Planted, topology: str, compiled: dict[str, ProgramFacts], cache: Path) -> dict[str, Any]:
    """What the gate says of one change; ``compiled`` keeps programs for the next one, ``cache`` for ever."""
    facts = {}
    for side, knobs in (("before", each.before), ("now", each.now)):
        key = f"{each.family} {sorted(knobs.items())}"
        if key not in compiled:
            compiled[key] = compiled_step(each.family, knobs, topology, cache)
        facts[side] = compiled[key]
    now, before = facts["now"], facts["before"]
    verdict = program.judge(now, before, slice_named(topology).device_memory_bytes)
    first = re.search(r"(?:because of|what differs:) ([^;]*)", verdict.reason)
    return {
        "family": each.family,
        "name": each.name,
        "what": each.what,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "changes": {one.metric: one.change for one in verdict.comparisons},
        "named_first": bool(first and each.cause and re.search(each.cause, first[1])),
        "named": bool(each.cause and re.search(each.cause, verdict.reason)),
        "compile_time_s": now.compile_time_s,
    }


def compiled_step(family: str, changes: Mapping[str, Any], topology: str, cache: Path) -> ProgramFacts:
    """What the compiler says of a step with these knobs; in the folder ``cache`` it is kept."""
    import jax
    from program_families import FAMILIES, Knobs

    from pytest_accel.frameworks.jax import lowering

    jax.clear_caches()
    made = FAMILIES[family](Knobs(**changes))
    plan = Plan(
        Workload("measure", "jax", made.examples),
        _not_built,
        lambda topology: lowering.lower_step(made.step, made.state, made.batch, topology, made.examples),
    )
    return compiler.compile_plan(plan, topology, cache)


def _not_built() -> Program:
    raise AssertionError("a step that is compiled only is not built")


def report(results: Sequence[dict[str, Any]]) -> str:
    """One table of all changes, one of the rates."""
    heads = ("planted", "family", "change", "outcome", "modelled step time", "cause named")
    rows = [_row(one) for one in sorted(results, key=lambda one: (one["what"], one["name"]))]
    summary = [
        _rates(what, [one for one in results if one["what"] == what])
        for what in dict.fromkeys(one["what"] for one in results)
    ]
    rates = ("planted", "all", "regressed", "passed", "improved", "of the regressed, cause named first")
    tables = (tabulate(rows, heads, tablefmt="github"), tabulate(summary, rates, tablefmt="github"))
    return "\n\n".join(tables)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    change = f"{100 * one['changes']['modelled_step_time_s']:+.1f}%"
    named = "first" if one["named_first"] else "yes" if one["named"] else "-"
    return one["what"], one["family"], one["name"], one["outcome"], change, named


def _rates(what: str, results: Sequence[dict[str, Any]]) -> tuple[str | int, ...]:
    outcomes = collections.Counter(one["outcome"] for one in results)
    counts = (outcomes[outcome.value] for outcome in (Outcome.REGRESSED, Outcome.PASSED, Outcome.IMPROVED))
    first = sum(one["named_first"] for one in results if one["outcome"] == Outcome.REGRESSED.value)
    return what, len(results), *counts, first


if __name__ == "__main__":
    main()
