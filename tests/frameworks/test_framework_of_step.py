"""Which framework a step is made with."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from support.fake_module import FakeModule
from support.step_results import State

from pytest_accel.frameworks.introspection import framework_of, framework_of_result

pytestmark = pytest.mark.usefixtures("no_framework")


def test_the_framework_in_use_is_the_one_imported(monkeypatch):
    assert framework_of(()) == "python"
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch"))
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "jax", None)  # How Python notes that an import is forbidden.
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "tensorflow", FakeModule("tensorflow"))
    assert framework_of(()) == "tensorflow"


def test_of_several_frameworks_the_arrays_tell(with_tensorflow, with_jax, monkeypatch):
    torch = FakeModule("torch", Tensor=type("Tensor", (), {}))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert framework_of({"step": 3, "weights": [with_jax.numpy.ones(2)]}) == "jax"
    assert framework_of((None, with_tensorflow.ones(2))) == "tensorflow"
    assert framework_of(with_tensorflow.Variable(1.0)) == "tensorflow"
    assert framework_of(State(torch.Tensor())) == "torch"
    assert framework_of({"step": 3}) == "tensorflow"


def test_the_framework_of_a_result_is_that_of_its_first_array(with_tensorflow, with_jax, params, monkeypatch):
    array, tensor = with_jax.numpy.ones(2), with_tensorflow.ones(2)
    list_in_itself = [0.5]
    list_in_itself.append(list_in_itself)
    Tensor = type("Tensor", (), {})
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", Tensor=Tensor))
    for nothing in (None, 0.5, {"loss": np.float32(0.5)}, np.ones(3), "text", list_in_itself, params(1)):
        assert framework_of_result(nothing) is None
    assert framework_of_result((3, np.ones(2), array, tensor)) == "jax"
    assert framework_of_result({"loss": tensor, "state": array}) == "tensorflow"
    assert framework_of_result(params(None, [params(array)])) == "jax"
    assert framework_of_result(with_tensorflow.IndexedSlices(tensor, [0, 1])) == "tensorflow"
    assert framework_of_result(with_tensorflow.Variable(1.0)) == "tensorflow"
    assert framework_of_result([Tensor()]) == "torch"


def test_a_framework_that_is_not_imported_is_not_looked_at(with_jax, monkeypatch):
    array = with_jax.numpy.ones(2)
    monkeypatch.delitem(sys.modules, "jax")
    assert framework_of_result(array) is None
    assert "tensorflow" not in sys.modules
