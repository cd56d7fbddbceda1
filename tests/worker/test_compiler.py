"""What a compiler said is kept by the fingerprint of the program, and nothing that is damaged is believed."""

from __future__ import annotations

import pytest

from pytest_accel.records import Lowered, Operations, Plan, ProgramFacts, Workload
from pytest_accel.worker import compiler

FACTS = ProgramFacts(
    "per_replica",
    8,
    3e12,
    3e10,
    5 * 10**9,
    10**7,
    {"copies": Operations(2, 100)},
    (24, None),
    estimated_step_time_s=0.1,
)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def compiled(tmp_path):
    """``compiled(fingerprint)`` are the facts; tracing takes 2 s, compiling 30 s, and is counted."""

    def facts(fingerprint="a" * 64, kept=tmp_path / "kept"):
        clock = Clock()

        def lower(topology):
            clock.now_s += 2
            return Lowered(fingerprint, compile_)

        def compile_():
            facts.compilations += 1
            clock.now_s += 30
            return FACTS

        plan = Plan(Workload("measure", "jax", 8), lambda: pytest.fail("it is not to be built"), lower)
        return compiler.compile_plan(plan, "v2-8", kept, clock=clock)

    facts.compilations = 0
    return facts


def test_the_same_program_is_compiled_once(compiled):
    first, second = compiled(), compiled()
    assert compiled.compilations == 1
    assert first == second
    assert (first.build_time_s, first.compile_time_s) == (2, 30)
    assert (first.operations, first.loops) == (FACTS.operations, FACTS.loops)


def test_another_program_is_compiled(compiled):
    compiled()
    compiled("b" * 64)
    assert compiled.compilations == 2


@pytest.mark.parametrize("content", ["", "[]", '{"flops": "many"}'])
def test_what_was_damaged_is_compiled_again(compiled, tmp_path, content):
    compiled()
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text(content)
    assert compiled().flops == 3e12
    assert compiled.compilations == 2


def test_where_nothing_can_be_kept_it_is_compiled_each_time(compiled, tmp_path):
    (tmp_path / "file").touch()
    for kept in (None, tmp_path / "file"):
        assert compiled(kept=kept).flops == 3e12
    assert compiled.compilations == 2
