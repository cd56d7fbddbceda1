"""What one process can see of frameworks: nothing at first, then those that a test asks for."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest


@pytest.fixture
def no_framework(monkeypatch):
    """What other tests have imported is not to be seen here."""
    for name in ("tensorflow", "jax", "torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def cannot_be_told(monkeypatch):
    """What a framework that is a stand-in does not have: the modules that know whether it is running."""
    for name in ("tensorflow.python.eager.context", "jax._src.xla_bridge"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture
def with_tensorflow(tf, no_framework, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", tf)
    return tf


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax")


@pytest.fixture
def with_jax(jax, no_framework, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", jax)
    return jax


@pytest.fixture
def params(with_jax):
    """``params(*children)`` is an object that JAX knows as a pytree."""

    class Params:
        __hash__ = None  # as of any class with an __eq__ of its own

        def __init__(self, *children):
            self.children = children

    with_jax.tree_util.register_pytree_node(
        Params, lambda one: (one.children, None), lambda _, children: Params(*children)
    )
    return Params
