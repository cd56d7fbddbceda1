"""Counting programs that are compiled, whatever this process has imported."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from support.fake_module import FakeModule

from pytest_accel.frameworks.recompilation import MIN_STEPS, CompilationCounter

pytestmark = pytest.mark.usefixtures("no_framework")

COMPILED, TRACED = "/jax/core/compile/backend_compile_duration", "/jax/core/compile/jaxpr_trace_duration"


@pytest.fixture
def listeners(monkeypatch):
    """Those of a JAX that compiles only when a test says so."""
    found = []
    monitoring = SimpleNamespace(register_event_duration_secs_listener=found.append)
    monkeypatch.setitem(sys.modules, "jax", FakeModule("jax", monitoring=monitoring))
    return found


@pytest.mark.parametrize(
    ("compiled", "steps", "every_step"),
    [(20, 20, True), (40, 20, True), (19, 20, False), (0, 20, False), (9, MIN_STEPS - 1, False)],
)
def test_every_step_compiles_where_there_are_as_many_programs(listeners, compiled, steps, every_step):
    counter = CompilationCounter()
    (listener,) = listeners
    for _ in range(compiled):
        listener(TRACED, 0.1)
        listener(COMPILED, 0.1, fun_name="step")
    assert counter.programs == compiled
    assert counter.is_every_step(steps) == every_step


@pytest.mark.parametrize("jax", [None, FakeModule("jax")], ids=["forbidden", "without monitoring"])
def test_what_is_imported_need_not_be_a_whole_jax(monkeypatch, jax):
    monkeypatch.setitem(sys.modules, "jax", jax)
    assert CompilationCounter().programs == 0
